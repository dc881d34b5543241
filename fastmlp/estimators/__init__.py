"""Estimators compatible with scikit-learn: `MLPClassifier` and `MLPRegressor`.

Only this package imports scikit-learn.
"""
