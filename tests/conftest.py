"""`--update-golden` rewrites the after/ folders of the golden cases, so that a change of behaviour is read as a diff."""


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="rewrite after/ and report.json of every golden case")
