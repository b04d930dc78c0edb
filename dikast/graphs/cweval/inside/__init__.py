"""What runs within the box: the trusted runner with its proxy, and the candidate's server. Standard library and pytest.

These files are mounted into the box one by one and import one another by their bare names there.
"""
