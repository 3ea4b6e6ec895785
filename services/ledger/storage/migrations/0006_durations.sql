-- oldest-code: 1
--
-- How long a call was, to the microsecond. A program from before writes and reads duration_seconds
-- alone, so that goes on being written, rounded up to the seconds that were begun: increments are
-- whole seconds, so such a program bills and shows the same. Where duration_micros is NULL such a
-- program booked the call, and duration_seconds is exact. Neither server has a form of ADD COLUMN
-- that both take and that may be run twice.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'duration_micros') = 0,
  'ALTER TABLE entries ADD COLUMN duration_micros BIGINT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
