"""What the tests of storage and adapters share."""

from tests.databases import start_mysql

# Here and now: the modules below ask for the server's name when they are imported.
start_mysql()
