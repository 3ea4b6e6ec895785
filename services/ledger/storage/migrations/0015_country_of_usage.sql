-- oldest-code: 15
--
-- The country of a line of a deck, where the file says one, and of a usage (C14). A program from
-- before would take no country for the country of the chain: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'rates' AND column_name = 'country') = 0,
  'ALTER TABLE rates ADD COLUMN country VARBINARY(12) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'country') = 0,
  'ALTER TABLE entries ADD COLUMN country VARBINARY(12) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
