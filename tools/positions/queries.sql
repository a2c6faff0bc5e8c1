-- The processor's queries on positions, for psql and any driver. Tests and the benchmark prepare this file.
-- docs/positions.md describes each query. All leave out faulty fixes, in positions by the condition of
-- positions_faulty_idx.

-- $1: IMEI. Triggers of positions keep last_positions up to date.
PREPARE last_position (text) AS
SELECT ts, latitude, longitude, altitude, angle, speed, satellites
FROM last_positions
WHERE device_id = $1;

-- $1: event. $2: the earliest time that counts. Returns a row for each device of the event's entries, with NULLs if the
-- device has no such fix.
PREPARE last_positions_of_event (uuid, timestamptz) AS
SELECT entries.race_number, devices.imei, last.ts, last.latitude, last.longitude, last.angle, last.speed
FROM entries
JOIN entry_devices ON entry_devices.entry_id = entries.id
JOIN devices ON devices.id = entry_devices.device_id
LEFT JOIN last_positions AS last ON last.device_id = devices.imei AND last.ts >= $2
WHERE entries.event_id = $1
ORDER BY entries.race_number, devices.imei;

-- $1: IMEI. $2: a time. Returns the last position before that time. The search ends in the newest chunk that has one.
PREPARE position_before (text, timestamptz) AS
SELECT ts, latitude, longitude, altitude, angle, speed, satellites
FROM positions
WHERE device_id = $1 AND faulty = false AND ts < $2
ORDER BY ts DESC
LIMIT 1;

-- $1: IMEI. $2: from. $3: until, not included.
PREPARE positions_in_window (text, timestamptz, timestamptz) AS
SELECT ts, latitude, longitude, altitude, angle, speed, satellites
FROM positions
WHERE device_id = $1 AND faulty = false AND ts >= $2 AND ts < $3
ORDER BY ts;

-- $1, $2, $3: as above. $4: the longest time that is not a gap. A crossing during a gap may have been missed.
PREPARE gaps_in_window (text, timestamptz, timestamptz, interval) AS
SELECT lost_at, found_at
FROM (
    SELECT lag(ts) OVER (ORDER BY ts) AS lost_at, ts AS found_at
    -- The ORDER BY in here lets a generic plan skip chunks, too.
    FROM (
        SELECT ts
        FROM positions
        WHERE device_id = $1 AND faulty = false AND ts >= $2 AND ts < $3
        ORDER BY ts
    ) AS found
) AS neighbours
WHERE found_at - lost_at > $4
ORDER BY found_at;
