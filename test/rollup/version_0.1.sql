-- A database of version 0.1, as pg_dump 15 wrote it: events, two rollups over them (shop.paused is paused) and one over a rollup.
-- The rollups have the events with ids up to 61; the last of them is set aside for shop.five. 20 events have come since.
SET standard_conforming_strings = on;
SET check_function_bodies = false;
SELECT pg_catalog.set_config('search_path', '', false);
SELECT pg_catalog.set_config('search_path', '', false);
CREATE EXTENSION millrace VERSION '0.1';
CREATE SCHEMA shop;
CREATE EXTENSION hll WITH SCHEMA public;
CREATE EXTENSION topn WITH SCHEMA public;
CREATE TABLE shop.events (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    tenant integer NOT NULL,
    device integer NOT NULL,
    page text NOT NULL
)
PARTITION BY RANGE (at);
CREATE TABLE shop.events_1 (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    tenant integer NOT NULL,
    device integer NOT NULL,
    page text NOT NULL
);
CREATE TABLE shop.events_2 (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    tenant integer NOT NULL,
    device integer NOT NULL,
    page text NOT NULL
);
ALTER TABLE shop.events ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shop.events_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE shop.five (
    tenant integer,
    minute timestamp with time zone,
    n bigint,
    share bigint,
    devices public.hll,
    pages jsonb
)
WITH (fillfactor='50');
ALTER TABLE ONLY shop.five REPLICA IDENTITY FULL;
CREATE VIEW shop.five_definition AS
 SELECT events.tenant,
    date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone) AS minute,
    count(*) AS n,
    sum((10 / (events.device + 1))) AS share,
    public.hll_add_agg(public.hll_hash_integer(events.device), 11, 5, '-1'::bigint, 1) AS devices,
    public.topn_add_agg(events.page) AS pages
   FROM shop.events
  GROUP BY events.tenant, (date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone));
CREATE VIEW shop.five_live AS
 SELECT rows.tenant,
    rows.minute,
    (sum(rows.n))::bigint AS n,
    (sum(rows.share))::bigint AS share,
    public.hll_union_agg(rows.devices) AS devices,
    public.topn_union_agg(rows.pages) AS pages
   FROM ( SELECT five.tenant,
            five.minute,
            five.n,
            five.share,
            five.devices,
            five.pages
           FROM shop.five
        UNION ALL
         SELECT tail.tenant,
            tail.minute,
            tail.n,
            tail.share,
            tail.devices,
            tail.pages
           FROM ( SELECT events.tenant,
                    date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone) AS minute,
                    count(*) AS n,
                    sum((10 / (events.device + 1))) AS share,
                    public.hll_add_agg(public.hll_hash_integer(events.device), 11, 5, '-1'::bigint, 1) AS devices,
                    public.topn_add_agg(events.page) AS pages
                   FROM shop.events
                  WHERE ((events.id > ( SELECT COALESCE(( SELECT w."position"
                                   FROM millrace.watermark w
                                  WHERE ((w.relation)::oid = ('shop.five'::regclass)::oid)), millrace.no_watermark('shop.five'::regclass)) AS "coalesce")) AND (events.id <= '9223372036854775807'::bigint))
                  GROUP BY events.tenant, (date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone))) tail(tenant, minute, n, share, devices, pages)) rows
  GROUP BY rows.tenant, rows.minute;
CREATE TABLE shop.hour (
    tenant integer,
    hour timestamp with time zone,
    n numeric,
    devices public.hll
)
WITH (fillfactor='50');
ALTER TABLE ONLY shop.hour REPLICA IDENTITY FULL;
CREATE VIEW shop.hour_definition AS
 SELECT five.tenant,
    date_trunc('hour'::text, five.minute, 'UTC'::text) AS hour,
    sum(five.n) AS n,
    public.hll_union_agg(five.devices) AS devices
   FROM shop.five
  GROUP BY five.tenant, (date_trunc('hour'::text, five.minute, 'UTC'::text));
CREATE VIEW shop.hour_live AS
 SELECT rows.tenant,
    rows.hour,
    sum(rows.n) AS n,
    public.hll_union_agg(rows.devices) AS devices
   FROM ( SELECT hour.tenant,
            hour.hour,
            hour.n,
            hour.devices
           FROM shop.hour
        UNION ALL
         SELECT tail.tenant,
            tail.hour,
            tail.n,
            tail.devices
           FROM ( WITH millrace_delta(tenant, minute, n, share, devices, pages) AS (
                         SELECT events.tenant,
                            date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone) AS minute,
                            count(*) AS n,
                            sum((10 / (events.device + 1))) AS share,
                            public.hll_add_agg(public.hll_hash_integer(events.device), 11, 5, '-1'::bigint, 1) AS devices,
                            public.topn_add_agg(events.page) AS pages
                           FROM shop.events
                          WHERE ((events.id > ( SELECT COALESCE(( SELECT w."position"
   FROM millrace.watermark w
  WHERE ((w.relation)::oid = ('shop.five'::regclass)::oid)), millrace.no_watermark('shop.five'::regclass)) AS "coalesce")) AND (events.id <= '9223372036854775807'::bigint))
                          GROUP BY events.tenant, (date_bin('00:05:00'::interval, events.at, '1970-01-01 00:00:00+00'::timestamp with time zone))
                        )
                 SELECT five.tenant,
                    date_trunc('hour'::text, five.minute, 'UTC'::text) AS hour,
                    sum(five.n) AS n,
                    public.hll_union_agg(five.devices) AS devices
                   FROM millrace_delta five
                  GROUP BY five.tenant, (date_trunc('hour'::text, five.minute, 'UTC'::text))) tail(tenant, hour, n, devices)) rows
  GROUP BY rows.tenant, rows.hour;
CREATE TABLE shop.paused (
    tenant integer,
    n bigint,
    device integer
)
WITH (fillfactor='50');
ALTER TABLE ONLY shop.paused REPLICA IDENTITY FULL;
CREATE VIEW shop.paused_definition AS
 SELECT events.tenant,
    count(*) AS n,
    max(events.device) AS device
   FROM shop.events
  GROUP BY events.tenant;
CREATE VIEW shop.paused_live AS
 SELECT rows.tenant,
    (sum(rows.n))::bigint AS n,
    max(rows.device) AS device
   FROM ( SELECT paused.tenant,
            paused.n,
            paused.device
           FROM shop.paused
        UNION ALL
         SELECT tail.tenant,
            tail.n,
            tail.device
           FROM ( SELECT events.tenant,
                    count(*) AS n,
                    max(events.device) AS device
                   FROM shop.events
                  WHERE ((events.id > ( SELECT COALESCE(( SELECT w."position"
                                   FROM millrace.watermark w
                                  WHERE ((w.relation)::oid = ('shop.paused'::regclass)::oid)), millrace.no_watermark('shop.paused'::regclass)) AS "coalesce")) AND (events.id <= '9223372036854775807'::bigint))
                  GROUP BY events.tenant) tail(tenant, n, device)) rows
  GROUP BY rows.tenant;
ALTER TABLE ONLY shop.events ATTACH PARTITION shop.events_1 FOR VALUES FROM ('2026-11-01 00:00:00+00') TO ('2026-11-02 00:00:00+00');
ALTER TABLE ONLY shop.events ATTACH PARTITION shop.events_2 FOR VALUES FROM ('2026-11-02 00:00:00+00') TO ('2026-11-03 00:00:00+00');
COPY millrace.failed_event (relation, event_id, sqlstate, failed_at) FROM stdin;
shop.five	61	22012	2026-11-26 20:12:36.227512+00
\.
COPY millrace.retention (source, keep) FROM stdin;
shop.events	100 years
\.
COPY millrace.rollup (relation, source, parent, definition, live, id_column, refresh_interval, paused, start_after, node_watermark, declared_at, topn_counters) FROM stdin;
shop.hour	shop.five	shop.five	shop.hour_definition	shop.hour_live	\N	00:00:10	f	0	\N	2026-11-26 20:12:36.20637+00	\N
shop.paused	shop.events	\N	shop.paused_definition	shop.paused_live	\N	00:00:10	t	0	\N	2026-11-26 20:12:36.211546+00	\N
shop.five	shop.events	\N	shop.five_definition	shop.five_live	\N	00:00:10	f	0	\N	2026-11-26 20:12:36.191978+00	1000
\.
COPY millrace.watermark (relation, "position", complete_through, refreshed_at, duration, ids, sequence_file, home) FROM stdin;
shop.five	61	2026-11-26 20:12:36.220939+00	2026-11-26 20:12:36.227932+00	00:00:00.007044	61	16644	7712575658794986425/16384/16658
shop.paused	61	2026-11-26 20:12:36.228618+00	2026-11-26 20:12:36.229051+00	00:00:00.000502	61	16644	7712575658794986425/16384/16694
\.
COPY shop.events_1 (id, at, tenant, device, page) FROM stdin;
1	2026-11-01 12:25:00+00	1	1	page 1
2	2026-11-01 12:50:00+00	2	2	page 2
3	2026-11-01 13:15:00+00	0	3	page 3
4	2026-11-01 13:40:00+00	1	4	page 4
5	2026-11-01 14:05:00+00	2	5	page 0
6	2026-11-01 14:30:00+00	0	6	page 1
7	2026-11-01 14:55:00+00	1	7	page 2
8	2026-11-01 15:20:00+00	2	8	page 3
9	2026-11-01 15:45:00+00	0	9	page 4
10	2026-11-01 16:10:00+00	1	10	page 0
11	2026-11-01 16:35:00+00	2	0	page 1
12	2026-11-01 17:00:00+00	0	1	page 2
13	2026-11-01 17:25:00+00	1	2	page 3
14	2026-11-01 17:50:00+00	2	3	page 4
15	2026-11-01 18:15:00+00	0	4	page 0
16	2026-11-01 18:40:00+00	1	5	page 1
17	2026-11-01 19:05:00+00	2	6	page 2
18	2026-11-01 19:30:00+00	0	7	page 3
19	2026-11-01 19:55:00+00	1	8	page 4
20	2026-11-01 20:20:00+00	2	9	page 0
21	2026-11-01 20:45:00+00	0	10	page 1
22	2026-11-01 21:10:00+00	1	0	page 2
23	2026-11-01 21:35:00+00	2	1	page 3
24	2026-11-01 22:00:00+00	0	2	page 4
25	2026-11-01 22:25:00+00	1	3	page 0
26	2026-11-01 22:50:00+00	2	4	page 1
27	2026-11-01 23:15:00+00	0	5	page 2
28	2026-11-01 23:40:00+00	1	6	page 3
61	2026-11-01 20:00:00+00	1	-1	fails
\.
COPY shop.events_2 (id, at, tenant, device, page) FROM stdin;
29	2026-11-02 00:05:00+00	2	7	page 4
30	2026-11-02 00:30:00+00	0	8	page 0
31	2026-11-02 00:55:00+00	1	9	page 1
32	2026-11-02 01:20:00+00	2	10	page 2
33	2026-11-02 01:45:00+00	0	0	page 3
34	2026-11-02 02:10:00+00	1	1	page 4
35	2026-11-02 02:35:00+00	2	2	page 0
36	2026-11-02 03:00:00+00	0	3	page 1
37	2026-11-02 03:25:00+00	1	4	page 2
38	2026-11-02 03:50:00+00	2	5	page 3
39	2026-11-02 04:15:00+00	0	6	page 4
40	2026-11-02 04:40:00+00	1	7	page 0
41	2026-11-02 05:05:00+00	2	8	page 1
42	2026-11-02 05:30:00+00	0	9	page 2
43	2026-11-02 05:55:00+00	1	10	page 3
44	2026-11-02 06:20:00+00	2	0	page 4
45	2026-11-02 06:45:00+00	0	1	page 0
46	2026-11-02 07:10:00+00	1	2	page 1
47	2026-11-02 07:35:00+00	2	3	page 2
48	2026-11-02 08:00:00+00	0	4	page 3
49	2026-11-02 08:25:00+00	1	5	page 4
50	2026-11-02 08:50:00+00	2	6	page 0
51	2026-11-02 09:15:00+00	0	7	page 1
52	2026-11-02 09:40:00+00	1	8	page 2
53	2026-11-02 10:05:00+00	2	9	page 3
54	2026-11-02 10:30:00+00	0	10	page 4
55	2026-11-02 10:55:00+00	1	0	page 0
56	2026-11-02 11:20:00+00	2	1	page 1
57	2026-11-02 11:45:00+00	0	2	page 2
58	2026-11-02 12:10:00+00	1	3	page 3
59	2026-11-02 12:35:00+00	2	4	page 4
60	2026-11-02 13:00:00+00	0	5	page 0
62	2026-11-02 13:05:00+00	1	1	page 1
63	2026-11-02 13:10:00+00	2	2	page 2
64	2026-11-02 13:15:00+00	0	3	page 3
65	2026-11-02 13:20:00+00	1	4	page 4
66	2026-11-02 13:25:00+00	2	5	page 5
67	2026-11-02 13:30:00+00	0	6	page 6
68	2026-11-02 13:35:00+00	1	7	page 0
69	2026-11-02 13:40:00+00	2	8	page 1
70	2026-11-02 13:45:00+00	0	9	page 2
71	2026-11-02 13:50:00+00	1	10	page 3
72	2026-11-02 13:55:00+00	2	11	page 4
73	2026-11-02 14:00:00+00	0	12	page 5
74	2026-11-02 14:05:00+00	1	0	page 6
75	2026-11-02 14:10:00+00	2	1	page 0
76	2026-11-02 14:15:00+00	0	2	page 1
77	2026-11-02 14:20:00+00	1	3	page 2
78	2026-11-02 14:25:00+00	2	4	page 3
79	2026-11-02 14:30:00+00	0	5	page 4
80	2026-11-02 14:35:00+00	1	6	page 5
81	2026-11-02 14:40:00+00	2	7	page 6
\.
COPY shop.five (tenant, minute, n, share, devices, pages) FROM stdin;
0	2026-11-01 13:15:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 3": 1}
0	2026-11-01 14:30:00+00	1	1	\\x128b7fb2c0b33a441f4218	{"page 1": 1}
0	2026-11-01 15:45:00+00	1	1	\\x128b7f18b150d055d8e3d3	{"page 4": 1}
0	2026-11-01 17:00:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 2": 1}
0	2026-11-01 18:15:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 0": 1}
0	2026-11-01 19:30:00+00	1	1	\\x128b7f7f2769b67e461dfb	{"page 3": 1}
0	2026-11-01 20:45:00+00	1	0	\\x128b7f2c98c8925c9ed052	{"page 1": 1}
0	2026-11-01 22:00:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 4": 1}
0	2026-11-01 23:15:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 2": 1}
0	2026-11-02 00:30:00+00	1	1	\\x128b7f72f24e286b62c7e4	{"page 0": 1}
1	2026-11-01 12:25:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 1": 1}
1	2026-11-01 13:40:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 4": 1}
1	2026-11-01 14:55:00+00	1	1	\\x128b7f7f2769b67e461dfb	{"page 2": 1}
1	2026-11-01 16:10:00+00	1	0	\\x128b7f2c98c8925c9ed052	{"page 0": 1}
1	2026-11-01 17:25:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 3": 1}
1	2026-11-01 18:40:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 1": 1}
1	2026-11-01 19:55:00+00	1	1	\\x128b7f72f24e286b62c7e4	{"page 4": 1}
1	2026-11-01 21:10:00+00	1	10	\\x128b7fcfa0f7ddd84c76bc	{"page 2": 1}
1	2026-11-01 22:25:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 0": 1}
1	2026-11-01 23:40:00+00	1	1	\\x128b7fb2c0b33a441f4218	{"page 3": 1}
2	2026-11-01 12:50:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 2": 1}
2	2026-11-01 14:05:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 0": 1}
2	2026-11-01 15:20:00+00	1	1	\\x128b7f72f24e286b62c7e4	{"page 3": 1}
2	2026-11-01 16:35:00+00	1	10	\\x128b7fcfa0f7ddd84c76bc	{"page 1": 1}
2	2026-11-01 17:50:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 4": 1}
2	2026-11-01 19:05:00+00	1	1	\\x128b7fb2c0b33a441f4218	{"page 2": 1}
2	2026-11-01 20:20:00+00	1	1	\\x128b7f18b150d055d8e3d3	{"page 0": 1}
2	2026-11-01 21:35:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 3": 1}
2	2026-11-01 22:50:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 1": 1}
2	2026-11-02 00:05:00+00	1	1	\\x128b7f7f2769b67e461dfb	{"page 4": 1}
0	2026-11-02 01:45:00+00	1	10	\\x128b7fcfa0f7ddd84c76bc	{"page 3": 1}
0	2026-11-02 03:00:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 1": 1}
0	2026-11-02 04:15:00+00	1	1	\\x128b7fb2c0b33a441f4218	{"page 4": 1}
0	2026-11-02 05:30:00+00	1	1	\\x128b7f18b150d055d8e3d3	{"page 2": 1}
0	2026-11-02 06:45:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 0": 1}
1	2026-11-02 00:55:00+00	1	1	\\x128b7f18b150d055d8e3d3	{"page 1": 1}
1	2026-11-02 02:10:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 4": 1}
1	2026-11-02 03:25:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 2": 1}
1	2026-11-02 04:40:00+00	1	1	\\x128b7f7f2769b67e461dfb	{"page 0": 1}
1	2026-11-02 05:55:00+00	1	0	\\x128b7f2c98c8925c9ed052	{"page 3": 1}
2	2026-11-02 01:20:00+00	1	0	\\x128b7f2c98c8925c9ed052	{"page 2": 1}
2	2026-11-02 02:35:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 0": 1}
2	2026-11-02 03:50:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 3": 1}
2	2026-11-02 05:05:00+00	1	1	\\x128b7f72f24e286b62c7e4	{"page 1": 1}
2	2026-11-02 06:20:00+00	1	10	\\x128b7fcfa0f7ddd84c76bc	{"page 4": 1}
0	2026-11-02 08:00:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 3": 1}
0	2026-11-02 09:15:00+00	1	1	\\x128b7f7f2769b67e461dfb	{"page 1": 1}
1	2026-11-02 07:10:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 1": 1}
1	2026-11-02 08:25:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 4": 1}
1	2026-11-02 09:40:00+00	1	1	\\x128b7f72f24e286b62c7e4	{"page 2": 1}
2	2026-11-02 07:35:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 2": 1}
2	2026-11-02 08:50:00+00	1	1	\\x128b7fb2c0b33a441f4218	{"page 0": 1}
2	2026-11-02 10:05:00+00	1	1	\\x128b7f18b150d055d8e3d3	{"page 3": 1}
0	2026-11-02 10:30:00+00	1	0	\\x128b7f2c98c8925c9ed052	{"page 4": 1}
0	2026-11-02 11:45:00+00	1	3	\\x128b7fda0ce907e4355b60	{"page 2": 1}
1	2026-11-02 10:55:00+00	1	10	\\x128b7fcfa0f7ddd84c76bc	{"page 0": 1}
2	2026-11-02 11:20:00+00	1	5	\\x128b7f8895a3f5af28cafe	{"page 1": 1}
1	2026-11-02 12:10:00+00	1	2	\\x128b7f4848de7f7bd2a13b	{"page 3": 1}
2	2026-11-02 12:35:00+00	1	2	\\x128b7f1cc3e945c98357f0	{"page 4": 1}
0	2026-11-02 13:00:00+00	1	1	\\x128b7f5c5c9d3935cf09bf	{"page 0": 1}
\.
COPY shop.hour (tenant, hour, n, devices) FROM stdin;
0	2026-11-01 13:00:00+00	1	\\x128b7f4848de7f7bd2a13b
0	2026-11-01 14:00:00+00	1	\\x128b7fb2c0b33a441f4218
0	2026-11-01 15:00:00+00	1	\\x128b7f18b150d055d8e3d3
0	2026-11-01 17:00:00+00	1	\\x128b7f8895a3f5af28cafe
0	2026-11-01 18:00:00+00	1	\\x128b7f1cc3e945c98357f0
0	2026-11-01 19:00:00+00	1	\\x128b7f7f2769b67e461dfb
0	2026-11-01 20:00:00+00	1	\\x128b7f2c98c8925c9ed052
0	2026-11-01 22:00:00+00	1	\\x128b7fda0ce907e4355b60
0	2026-11-01 23:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
0	2026-11-02 00:00:00+00	1	\\x128b7f72f24e286b62c7e4
1	2026-11-01 12:00:00+00	1	\\x128b7f8895a3f5af28cafe
1	2026-11-01 13:00:00+00	1	\\x128b7f1cc3e945c98357f0
1	2026-11-01 14:00:00+00	1	\\x128b7f7f2769b67e461dfb
1	2026-11-01 16:00:00+00	1	\\x128b7f2c98c8925c9ed052
1	2026-11-01 17:00:00+00	1	\\x128b7fda0ce907e4355b60
1	2026-11-01 18:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
1	2026-11-01 19:00:00+00	1	\\x128b7f72f24e286b62c7e4
1	2026-11-01 21:00:00+00	1	\\x128b7fcfa0f7ddd84c76bc
1	2026-11-01 22:00:00+00	1	\\x128b7f4848de7f7bd2a13b
1	2026-11-01 23:00:00+00	1	\\x128b7fb2c0b33a441f4218
2	2026-11-01 12:00:00+00	1	\\x128b7fda0ce907e4355b60
2	2026-11-01 14:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
2	2026-11-01 15:00:00+00	1	\\x128b7f72f24e286b62c7e4
2	2026-11-01 16:00:00+00	1	\\x128b7fcfa0f7ddd84c76bc
2	2026-11-01 17:00:00+00	1	\\x128b7f4848de7f7bd2a13b
2	2026-11-01 19:00:00+00	1	\\x128b7fb2c0b33a441f4218
2	2026-11-01 20:00:00+00	1	\\x128b7f18b150d055d8e3d3
2	2026-11-01 21:00:00+00	1	\\x128b7f8895a3f5af28cafe
2	2026-11-01 22:00:00+00	1	\\x128b7f1cc3e945c98357f0
2	2026-11-02 00:00:00+00	1	\\x128b7f7f2769b67e461dfb
0	2026-11-02 01:00:00+00	1	\\x128b7fcfa0f7ddd84c76bc
0	2026-11-02 03:00:00+00	1	\\x128b7f4848de7f7bd2a13b
0	2026-11-02 04:00:00+00	1	\\x128b7fb2c0b33a441f4218
0	2026-11-02 05:00:00+00	1	\\x128b7f18b150d055d8e3d3
0	2026-11-02 06:00:00+00	1	\\x128b7f8895a3f5af28cafe
1	2026-11-02 00:00:00+00	1	\\x128b7f18b150d055d8e3d3
1	2026-11-02 02:00:00+00	1	\\x128b7f8895a3f5af28cafe
1	2026-11-02 03:00:00+00	1	\\x128b7f1cc3e945c98357f0
1	2026-11-02 04:00:00+00	1	\\x128b7f7f2769b67e461dfb
1	2026-11-02 05:00:00+00	1	\\x128b7f2c98c8925c9ed052
2	2026-11-02 01:00:00+00	1	\\x128b7f2c98c8925c9ed052
2	2026-11-02 02:00:00+00	1	\\x128b7fda0ce907e4355b60
2	2026-11-02 03:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
2	2026-11-02 05:00:00+00	1	\\x128b7f72f24e286b62c7e4
2	2026-11-02 06:00:00+00	1	\\x128b7fcfa0f7ddd84c76bc
0	2026-11-02 08:00:00+00	1	\\x128b7f1cc3e945c98357f0
0	2026-11-02 09:00:00+00	1	\\x128b7f7f2769b67e461dfb
1	2026-11-02 07:00:00+00	1	\\x128b7fda0ce907e4355b60
1	2026-11-02 08:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
1	2026-11-02 09:00:00+00	1	\\x128b7f72f24e286b62c7e4
2	2026-11-02 07:00:00+00	1	\\x128b7f4848de7f7bd2a13b
2	2026-11-02 08:00:00+00	1	\\x128b7fb2c0b33a441f4218
2	2026-11-02 10:00:00+00	1	\\x128b7f18b150d055d8e3d3
0	2026-11-02 10:00:00+00	1	\\x128b7f2c98c8925c9ed052
0	2026-11-02 11:00:00+00	1	\\x128b7fda0ce907e4355b60
1	2026-11-02 10:00:00+00	1	\\x128b7fcfa0f7ddd84c76bc
2	2026-11-02 11:00:00+00	1	\\x128b7f8895a3f5af28cafe
1	2026-11-02 12:00:00+00	1	\\x128b7f4848de7f7bd2a13b
2	2026-11-02 12:00:00+00	1	\\x128b7f1cc3e945c98357f0
0	2026-11-02 13:00:00+00	1	\\x128b7f5c5c9d3935cf09bf
\.
COPY shop.paused (tenant, n, device) FROM stdin;
0	20	10
1	21	10
2	20	10
\.
SELECT pg_catalog.setval('shop.events_id_seq', 81, true);
CREATE INDEX events_id_idx ON ONLY shop.events USING brin (id) WITH (pages_per_range='32');
CREATE INDEX events_1_id_idx ON shop.events_1 USING brin (id) WITH (pages_per_range='32');
CREATE INDEX events_2_id_idx ON shop.events_2 USING brin (id) WITH (pages_per_range='32');
CREATE INDEX five_minute_idx ON shop.five USING brin (minute) WITH (pages_per_range='32');
CREATE UNIQUE INDEX five_tenant_minute_idx ON shop.five USING btree (tenant, minute) NULLS NOT DISTINCT;
CREATE INDEX hour_hour_idx ON shop.hour USING brin (hour) WITH (pages_per_range='32');
CREATE UNIQUE INDEX hour_tenant_hour_idx ON shop.hour USING btree (tenant, hour) NULLS NOT DISTINCT;
CREATE UNIQUE INDEX paused_tenant_idx ON shop.paused USING btree (tenant) NULLS NOT DISTINCT;
ALTER INDEX shop.events_id_idx ATTACH PARTITION shop.events_1_id_idx;
ALTER INDEX shop.events_id_idx ATTACH PARTITION shop.events_2_id_idx;
