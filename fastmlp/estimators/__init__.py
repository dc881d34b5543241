"""scikit-learn's estimators: `MLPClassifier`, `MLPRegressor`, and what they share.

Nothing else imports scikit-learn.
"""
