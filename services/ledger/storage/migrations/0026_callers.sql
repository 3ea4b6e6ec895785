-- oldest-code: 22
--
-- Whose call made an entry or an event, and ordered or canceled a rerating: the name in the caller's
-- certificate. Empty, or NULL, of what the ledger does by itself, of calls in plain text, and of what
-- programs from before write.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'caller') = 0,
  'ALTER TABLE entries ADD COLUMN caller VARBINARY(128) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'caller') = 0,
  'ALTER TABLE events ADD COLUMN caller VARBINARY(128) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'reratings' AND column_name = 'caller') = 0,
  'ALTER TABLE reratings
  ADD COLUMN caller VARBINARY(128) NOT NULL DEFAULT '''',
  ADD COLUMN cancel_caller VARBINARY(128) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
