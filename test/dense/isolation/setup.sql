-- What every specification uses.
SET client_min_messages = warning;
CREATE EXTENSION hll;
CREATE EXTENSION topn;
CREATE EXTENSION millrace;
