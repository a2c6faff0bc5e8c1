-- What a processor asks of positions, for psql and any driver; tests and bench prepare this file.
-- docs/positions.md describes each. All leave out faulty fixes with the condition of positions_faulty_idx.

-- $1: IMEI. Triggers of positions keep last_positions.
PREPARE last_position (text) AS
SELECT ts, latitude, longitude, altitude, angle, speed, satellites
FROM last_positions
WHERE device_id = $1;

-- $1: event. $2: the oldest fix that counts. A row for each device of its entries, with nulls if it has no fix.
PREPARE last_positions_of_event (uuid, timestamptz) AS
SELECT entries.race_number, devices.imei, last.ts, last.latitude, last.longitude, last.angle, last.speed
FROM entries
JOIN entry_devices ON entry_devices.entry_id = entries.id
JOIN devices ON devices.id = entry_devices.device_id
LEFT JOIN last_positions AS last ON last.device_id = devices.imei AND last.ts >= $2
WHERE entries.event_id = $1
ORDER BY entries.race_number, devices.imei;

-- $1: IMEI. $2: a time. The last position before it. The newest chunk that has one ends the search.
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

-- $1, $2, $3: as above. $4: the longest time that is not a gap. In a gap a crossing may have been missed.
PREPARE gaps_in_window (text, timestamptz, timestamptz, interval) AS
SELECT lost_at, found_at
FROM (
    SELECT lag(ts) OVER (ORDER BY ts) AS lost_at, ts AS found_at
    -- Ordered here, so that a generic plan also leaves out chunks.
    FROM (
        SELECT ts
        FROM positions
        WHERE device_id = $1 AND faulty = false AND ts >= $2 AND ts < $3
        ORDER BY ts
    ) AS found
) AS neighbours
WHERE found_at - lost_at > $4
ORDER BY found_at;
