-- Objects whose definitions PostgreSQL prints from a parsed tree, in many forms that revisions may use.

CREATE EXTENSION pg_trgm;
CREATE TYPE "Grade" AS ENUM ('A''s', 'b');
CREATE DOMAIN race_code AS varchar(8) COLLATE "C" CONSTRAINT race_code_check CHECK (VALUE ~ '^[A-Z]+$' OR VALUE = '');
CREATE TABLE rounds (
  id uuid DEFAULT gen_random_uuid() CONSTRAINT rounds_pkey PRIMARY KEY,
  code race_code, grade "Grade" DEFAULT 'b', "from" date DEFAULT CURRENT_DATE, until date,
  opens timestamptz DEFAULT (now() AT TIME ZONE 'UTC') + interval '1 day 02:03:04', limits int4range,
  splits interval[] DEFAULT ARRAY['1 hour'::interval, '90 s'], details jsonb DEFAULT '{"a": [1, null]}' NOT NULL,
  raw bytea DEFAULT '\x00ff', ratio float8 DEFAULT 0.1, fee numeric(10,2) DEFAULT -1.50, small smallserial,
  name text DEFAULT E'tab\there ''quoted''', search tsvector GENERATED ALWAYS AS (to_tsvector('simple', name)) STORED,
  flags bit varying(5) DEFAULT B'101', at_time time(3) with time zone DEFAULT '12:00+02',
  parent uuid CONSTRAINT rounds_parent_fkey REFERENCES rounds (id) MATCH FULL ON UPDATE CASCADE ON DELETE SET NULL,
  CONSTRAINT rounds_dates_check CHECK ("from" <= until AND until BETWEEN SYMMETRIC '2020-01-01' AND '2100-01-01'),
  CONSTRAINT rounds_code_check CHECK (code IN ('A', 'B') OR code NOT LIKE 'X%' AND code IS DISTINCT FROM 'Z'),
  CONSTRAINT rounds_details_check CHECK (details IS JSON OBJECT OR details @> '{}' AND details ? 'k'),
  CONSTRAINT rounds_case_check CHECK (CASE grade WHEN 'b' THEN fee > 0 ELSE coalesce(nullif(fee, 0), 1) < 10 END),
  CONSTRAINT rounds_text_check CHECK (
    substring(name FROM 1 FOR 3) || trim(BOTH ' ' FROM name) <> overlay(name PLACING 'x' FROM 2)
    AND name SIMILAR TO '(a|b)%' AND position('x' IN name) = 0 AND name IS NFC NORMALIZED AND name ^@ 'a'),
  CONSTRAINT rounds_time_check CHECK (
    extract(epoch FROM opens) > 0 AND ("from", until) OVERLAPS ("from", interval '1 day')
    AND (opens AT TIME ZONE 'Europe/Vienna')::date >= "from" AND NOT until > ALL (ARRAY["from", CURRENT_DATE])),
  CONSTRAINT rounds_row_check CHECK ((fee, ratio) < (ratio::numeric, 2) AND num_nulls(fee, ratio) < 2),
  CONSTRAINT rounds_id_code_key UNIQUE (id, code),
  CONSTRAINT rounds_limits_excl EXCLUDE USING gist (limits WITH &&, "from" WITH =) WHERE (fee > 0) DEFERRABLE,
  CONSTRAINT rounds_code_fee_key UNIQUE (code, fee) INCLUDE (name) WITH (fillfactor='70'));
CREATE TABLE stage_notes (stage uuid, code race_code, note text,
  CONSTRAINT stage_notes_fkey FOREIGN KEY (stage, code) REFERENCES rounds (id, code) ON DELETE SET NULL (code));
CREATE INDEX rounds_name_trgm ON rounds USING gin (name gin_trgm_ops) WITH (fastupdate=off);
CREATE INDEX rounds_details ON rounds USING gin (details jsonb_path_ops);
CREATE INDEX rounds_brin ON rounds USING brin (opens timestamptz_minmax_multi_ops (values_per_range=16));
CREATE INDEX rounds_hash ON rounds USING hash (name) WHERE grade = 'b' AND fee IS NOT NULL;
CREATE INDEX rounds_order ON rounds (name COLLATE "C" text_pattern_ops DESC NULLS LAST, (details ->> 'k'), (fee * 2));
CREATE UNIQUE INDEX rounds_once ON rounds (lower(name), ("from" + 1)) NULLS NOT DISTINCT;
CREATE FUNCTION stage_fee(code text, VARIADIC extra numeric[] DEFAULT '{}', OUT fee numeric, OUT note text)
  LANGUAGE sql STABLE STRICT PARALLEL SAFE COST 7 SET search_path TO 'public', 'pg_temp' SET work_mem TO '8MB'
  AS $$ SELECT 1.5, 'it''s' $$;
CREATE FUNCTION stage_count(since date DEFAULT CURRENT_DATE - 7) RETURNS bigint LANGUAGE sql
  BEGIN ATOMIC SELECT count(*) FILTER (WHERE s."from" > stage_count.since) FROM rounds s; END;
CREATE FUNCTION stage_list() RETURNS TABLE (id uuid, label text) LANGUAGE plpgsql ROWS 10 SECURITY DEFINER LEAKPROOF
  AS $body$ BEGIN RETURN QUERY SELECT s.id, s.name FROM rounds s; END $body$;
CREATE PROCEDURE stage_close(INOUT n integer DEFAULT 0) LANGUAGE sql
  BEGIN ATOMIC UPDATE rounds SET until = CURRENT_DATE WHERE until IS NULL; SELECT n + 1; END;
CREATE FUNCTION stage_touch() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER rounds_some BEFORE UPDATE OF code, "from" ON rounds FOR EACH ROW
  WHEN (OLD.fee IS DISTINCT FROM NEW.fee AND pg_trigger_depth() < 2) EXECUTE FUNCTION stage_touch('it''s', '2');
CREATE TRIGGER rounds_many AFTER UPDATE ON rounds REFERENCING OLD TABLE AS before NEW TABLE AS after
  FOR EACH STATEMENT EXECUTE FUNCTION stage_touch();
CREATE CONSTRAINT TRIGGER rounds_late AFTER INSERT OR DELETE ON rounds DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION stage_touch();
ALTER TABLE rounds ENABLE ALWAYS TRIGGER rounds_many, ENABLE REPLICA TRIGGER rounds_late;
CREATE VIEW stage_overview WITH (security_invoker=true) AS
  WITH RECURSIVE tree (id, parent, depth) AS (
      SELECT id, parent, 1 FROM rounds WHERE parent IS NULL
      UNION ALL SELECT s.id, s.parent, t.depth + 1 FROM rounds s JOIN tree t ON s.parent = t.id)
      SEARCH BREADTH FIRST BY id SET ordered CYCLE id SET looped USING path,
    recent AS MATERIALIZED (SELECT DISTINCT ON (code) * FROM rounds TABLESAMPLE system (50) ORDER BY code, opens DESC)
  SELECT t.id AS "Id", t.depth, r.code::text || '!' AS code, r.details #>> '{a,0}' AS first, r.splits[1:2] AS splits,
    row_number() OVER w AS number, lag(r.fee, 1, 0) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS previous,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY r.ratio) AS median, n.note, x.ordinality,
    json_build_object('a', 1) AS built, r."from" AT TIME ZONE 'UTC' AS zoned, date_trunc('day', r.opens) AS day,
    EXISTS (SELECT FROM stage_notes WHERE stage = t.id) AND t.id IN (SELECT stage FROM stage_notes) AS noted
  FROM tree t LEFT JOIN recent r USING (id) CROSS JOIN LATERAL (SELECT max(note) AS note FROM stage_notes) n
    CROSS JOIN unnest(ARRAY['a', 'b']) WITH ORDINALITY AS x (letter, ordinality)
  GROUP BY t.id, t.depth, r.code, r.details, r.splits, r.fee, r."from", r.opens, n.note, x.ordinality
  HAVING count(*) > 0 WINDOW w AS (PARTITION BY r.code ORDER BY r.fee DESC NULLS LAST)
  ORDER BY 2, 1 DESC LIMIT 10 OFFSET 1;
CREATE VIEW stage_totals AS
  SELECT grade, code, sum(fee) AS fee, GROUPING(grade, code) AS g FROM rounds GROUP BY ROLLUP (grade, code)
  UNION (SELECT NULL, NULL, 0, 0 EXCEPT SELECT 'b'::"Grade", 'A'::race_code, 1, 1) ORDER BY 1 USING >;
CREATE VIEW stage_values AS SELECT a, b FROM (VALUES (1, 'x'::varchar(3)), (2, NULL)) AS v (a, b) FETCH FIRST 2 ROWS ONLY;
CREATE VIEW stage_json AS SELECT JSON_ARRAYAGG(name ORDER BY name) AS names,
  JSON_OBJECTAGG(id::text : fee ABSENT ON NULL) AS fees, xmlelement(name stage, xmlattributes(1 AS a)) AS xml
  FROM rounds;
CREATE MATERIALIZED VIEW stage_sums AS SELECT code, sum(fee) FILTER (WHERE fee > 0) AS fee FROM rounds GROUP BY code;
CREATE INDEX stage_sums_fee ON stage_sums (fee) WHERE code IS NOT NULL;
CREATE SEQUENCE stage_numbers AS smallint INCREMENT -2 MINVALUE -100 MAXVALUE 100 START 10 CACHE 3;
COMMENT ON COLUMN rounds.fee IS E'EUR\n"net"';
COMMENT ON TABLE rounds IS E'tab\there, back\\slash';
