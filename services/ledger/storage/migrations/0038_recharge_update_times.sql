-- oldest-code: 28
--
-- When a recharge, refund or payment last changed: NULL is not known. A program from before leaves it
-- as it is.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'update_time') = 0,
  'ALTER TABLE recharges
  ADD COLUMN update_time DATETIME(6) NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
