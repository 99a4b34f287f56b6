"""What a run ends with, as one HTML page that needs nothing else: `make preview`, `make up` and `make drill` write it.

The page is drawn from a document of plain data, which is kept beside it: the next run is compared with it.
"""
