-- oldest-code: 18
--
-- Credit grants: those of an account whose end has not come are kept with it, what a usage drew on
-- them with the usage. A program from before would spend promotional money twice, and miss fields of
-- the chain: it must not run on this schema.
--
-- credit_grants: "<number>:<seq>:<remaining>:<end, microseconds since 1970>" each, a space between.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'last_grant') = 0,
  'ALTER TABLE accounts
  ADD COLUMN last_grant INT NOT NULL DEFAULT 0,
  ADD COLUMN credit_grants VARBINARY(2400) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'usage_states'
  AND column_name = 'grant_draws') = 0,
  'ALTER TABLE usage_states ADD COLUMN grant_draws VARBINARY(800) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'grant_draws') = 0,
  'ALTER TABLE entries
  ADD COLUMN grant_draws VARBINARY(800) NULL,
  ADD COLUMN grant_number INT NULL,
  ADD COLUMN grant_end DATETIME(6) NULL,
  ADD COLUMN grants_returned VARBINARY(800) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
