-- oldest-code: 28
--
-- The history by when a usage began, whenever it was booked: an index that is local to a month, as
-- a usage belongs to the month it began in; and the same of what became of usages. A program from
-- before runs as well with it. Both are made beside bookings.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'usage_states' AND index_name = 'by_start') = 0,
  'ALTER TABLE usage_states ADD KEY by_start (account_id, start_time)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND index_name = 'by_start') = 0,
  'ALTER TABLE entries ADD KEY by_start (account_id, start_time, seq)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
