-- A stand-in for PostGIS on the PostgreSQL 16 of the tests, which does not have PostGIS. Its types work in DDL, and
-- Directus can read their names. A geometry is a text, and every geometry is valid.

CREATE TYPE geometry;
CREATE FUNCTION geometry_in(cstring) RETURNS geometry LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION geometry_out(geometry) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
-- (Polygon,4326) becomes the size in bytes of an array of both words: 20, plus the length of each word plus 1.
CREATE FUNCTION geometry_typmod_in(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'byteaoctetlen';
CREATE FUNCTION geometry_typmod_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'int4out';
CREATE TYPE geometry (
  INPUT = geometry_in, OUTPUT = geometry_out, TYPMOD_IN = geometry_typmod_in, TYPMOD_OUT = geometry_typmod_out);

CREATE TYPE geography;
CREATE FUNCTION geography_in(cstring) RETURNS geography LANGUAGE internal IMMUTABLE STRICT AS 'textin';
CREATE FUNCTION geography_out(geography) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'textout';
CREATE TYPE geography (INPUT = geography_in, OUTPUT = geography_out);
CREATE CAST (geometry AS geography) WITHOUT FUNCTION AS IMPLICIT;

-- Enough for an index on a table without rows.
CREATE OPERATOR CLASS gist_geography_ops DEFAULT FOR TYPE geography USING gist AS
  FUNCTION 1 gist_box_consistent(internal, box, smallint, oid, internal),
  FUNCTION 2 gist_box_union(internal, internal),
  FUNCTION 5 gist_box_penalty(internal, internal, internal),
  FUNCTION 6 gist_box_picksplit(internal, internal),
  FUNCTION 7 gist_box_same(box, box, internal);

CREATE FUNCTION postgis_version() RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT ''0''';
CREATE FUNCTION st_isvalid(geometry) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT true';
CREATE FUNCTION st_asewkb(geometry) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT
AS 'SELECT convert_to($1::text, ''UTF8'')';
CREATE FUNCTION st_makeenvelope(double precision, double precision, double precision, double precision, integer)
RETURNS geometry LANGUAGE sql IMMUTABLE STRICT AS 'SELECT ''an envelope''::geometry';
CREATE FUNCTION geometry_within(geometry, geometry) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT true';
CREATE OPERATOR @ (LEFTARG = geometry, RIGHTARG = geometry, FUNCTION = geometry_within);

CREATE TABLE spatial_ref_sys (
  srid integer PRIMARY KEY CHECK (srid > 0), auth_name varchar(256), auth_srid integer, srtext varchar(2048),
  proj4text varchar(2048));

-- The columns and types of PostGIS 3.5.
CREATE VIEW geometry_columns AS
SELECT current_database()::varchar(256) AS f_table_catalog, c.relnamespace::regnamespace::name AS f_table_schema,
  c.relname AS f_table_name, a.attname AS f_geometry_column, 2 AS coord_dimension, 4326 AS srid,
  shape.type::varchar(30) AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
JOIN (VALUES ('POINT'), ('LINESTRING'), ('POLYGON')) AS shape (type)
  ON a.atttypmod = 20 + length(shape.type) + 1 + length('4326') + 1
WHERE a.atttypid = 'geometry'::regtype AND c.relkind = 'r' AND NOT a.attisdropped;

CREATE VIEW geography_columns AS
SELECT f_table_catalog, f_table_schema, f_table_name, f_geometry_column AS f_geography_column, coord_dimension, srid,
  type::text
FROM geometry_columns WHERE false;
