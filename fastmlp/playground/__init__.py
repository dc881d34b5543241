"""The playground: a page in the browser that shows a small network while it trains (``python -m fastmlp playground``).

`session` and what it uses (`choices`, `data_sets`, `csv_data`, `trainer`, `pictures`, `step_numbers`) are plain Python
and know nothing of the browser; `tab`, `server` and `command` connect a session to a page; ``static/`` is that page.
"""
