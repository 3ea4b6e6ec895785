-- oldest-code: 14
--
-- Payments, as rows of `recharges` that no worker gets: money that came another way. A charge of the
-- gateway is found by its id, so that it is credited once. A program from before would book such a
-- charge twice: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'credited_as') = 0,
  'ALTER TABLE recharges
  ADD COLUMN credited_as BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN means TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN reference VARCHAR(128) NOT NULL DEFAULT '''',
  ADD COLUMN received_time DATETIME(6) NULL,
  ADD KEY by_charge_id (charge_id, account_id)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'payments') = 0,
  'ALTER TABLE accounts ADD COLUMN payments INT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.statistics
  WHERE table_schema = DATABASE() AND table_name = 'disputes' AND index_name = 'by_charge_id') = 0,
  'ALTER TABLE disputes ADD KEY by_charge_id (charge_id, account_id)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
