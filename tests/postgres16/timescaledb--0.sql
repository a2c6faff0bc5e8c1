-- A stand-in for TimescaleDB on the PostgreSQL 16 of the tests, which cannot load the real one. It records hypertables
-- and lists them in the view that the project reads, but partitions nothing.

CREATE SCHEMA timescaledb_information;

CREATE TYPE timescaledb_information.dimension_info AS (column_name name, partition_interval interval);

CREATE TABLE timescaledb_information.noted (hypertable oid, dimension timescaledb_information.dimension_info);

-- The columns and types of TimescaleDB 2.19.
CREATE VIEW timescaledb_information.dimensions AS
SELECT c.relnamespace::regnamespace::name AS hypertable_schema, c.relname AS hypertable_name,
  1::bigint AS dimension_number, a.attname AS column_name, a.atttypid::regtype AS column_type,
  'Time' AS dimension_type, (n.dimension).partition_interval AS time_interval, NULL::bigint AS integer_interval,
  NULL::name AS integer_now_func, NULL::smallint AS num_partitions
FROM timescaledb_information.noted n JOIN pg_class c ON c.oid = n.hypertable
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = (n.dimension).column_name;

CREATE FUNCTION by_range(column_name name, partition_interval interval)
RETURNS timescaledb_information.dimension_info LANGUAGE sql AS 'SELECT (column_name, partition_interval)';

CREATE FUNCTION create_hypertable(
  relation regclass, dimension timescaledb_information.dimension_info, create_default_indexes boolean DEFAULT true,
  if_not_exists boolean DEFAULT false, migrate_data boolean DEFAULT false)
RETURNS void LANGUAGE sql AS
'INSERT INTO timescaledb_information.noted SELECT relation, dimension
WHERE NOT EXISTS (SELECT FROM timescaledb_information.noted WHERE hypertable = relation)';
