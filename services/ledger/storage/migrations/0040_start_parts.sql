-- oldest-code: 28
--
-- The history by start, in parts of a month (storage/start_parts.h): what is written to the index
-- of starts lies within the part of now, so that no more of it need be in memory. A program from
-- before leaves the part out, 0, and reads by the index of before, by_start, which goes once no
-- such program is left (`ledger migrate --finish`). The index is made beside bookings.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'start_part') = 0,
  'ALTER TABLE entries ADD COLUMN start_part TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND index_name = 'by_part') = 0,
  'ALTER TABLE entries ADD KEY by_part (start_part, account_id, start_time, seq)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
