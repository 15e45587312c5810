-- What every specification uses.
SET client_min_messages = warning;
CREATE EXTENSION hll;
CREATE EXTENSION topn;
CREATE EXTENSION millrace;
-- In one transaction, so that no worker refreshes the rollup: the specifications do.
CREATE FUNCTION declare_rollup() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM millrace.create_rollup('per_k', 'SELECT k, count(*) AS n FROM events GROUP BY 1', refresh_interval => '1 hour');
  PERFORM millrace.pause_rollup('per_k');
END $$;
CREATE FUNCTION start() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  CREATE TABLE events (id bigserial, at timestamptz NOT NULL DEFAULT now(), k int);
  INSERT INTO events (k) SELECT i % 3 FROM generate_series(1, 30) i;
  PERFORM declare_rollup();
END $$;
CREATE FUNCTION stop() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM millrace.drop_rollup(relation) FROM millrace.rollup;
  DROP TABLE IF EXISTS per_k, events;
END $$;
-- Each event once: plain SQL over the events, beside the rollup. A text, because a view would keep the rollup from being dropped.
CREATE FUNCTION compared() RETURNS TABLE (k int, events bigint, counted bigint) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT coalesce(e.k, r.k), e.n, r.n
    FROM (SELECT o.k, count(*) AS n FROM events o GROUP BY 1) e FULL JOIN per_k r ON r.k = e.k ORDER BY 1;
END $$;
