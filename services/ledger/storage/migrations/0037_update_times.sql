-- oldest-code: 28
--
-- When people last changed an account, its billing settings, its users and cards: NULL is not known.
-- A program from before leaves all of them as they are.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'update_time') = 0,
  'ALTER TABLE accounts
  ADD COLUMN update_time DATETIME(6) NULL,
  ADD COLUMN settings_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'users' AND column_name = 'update_time') = 0,
  'ALTER TABLE users
  ADD COLUMN update_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'payment_methods' AND column_name = 'update_time') = 0,
  'ALTER TABLE payment_methods
  ADD COLUMN update_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
