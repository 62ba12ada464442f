"""Percent cover with its error, from a model's cover of all photographs and a person's points on some of them.

Pure functions, without Streamlit, AWS and the database. `quadrat` is about one photograph. `two_phase` holds the
estimators and `interval` their intervals, both over numpy arrays. `campaign` gives the figures of one island and year,
and `change` compares two years. `allocation` says what to verify next. `agreement` compares two persons.
"""
