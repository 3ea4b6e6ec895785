-- oldest-code: 10
--
-- Refunds, as rows of `recharges` that give a charge back, and disputes. A program from before
-- would take a refund for a charge: it must not run on this schema.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'refund_of') = 0,
  'ALTER TABLE recharges
  ADD COLUMN refunded_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN disputed_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN keeps TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN refund_of BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN refund_id VARBINARY(128) NOT NULL DEFAULT '''',
  ADD COLUMN debited TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN suspension_number INT NOT NULL DEFAULT 0,
  ADD KEY by_refund_of (account_id, refund_of)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'suspension_number') = 0,
  'ALTER TABLE accounts
  ADD COLUMN suspension_number INT NOT NULL DEFAULT 1,
  ADD COLUMN suspending_refunds INT NOT NULL DEFAULT 0,
  ADD COLUMN suspending_disputes INT NOT NULL DEFAULT 0,
  ADD COLUMN disputed_numbers BLOB NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

CREATE TABLE IF NOT EXISTS disputes (
  account_id VARBINARY(64) NOT NULL,
  dispute_id VARBINARY(128) NOT NULL,
  ordinal BIGINT NOT NULL,
  charge_id VARBINARY(128) NOT NULL,
  amount_nanos BIGINT NOT NULL,
  state TINYINT NOT NULL,
  reason VARCHAR(255) NOT NULL,
  debited TINYINT NOT NULL,
  suspension_number INT NOT NULL,
  card_fingerprint VARBINARY(64) NOT NULL,
  create_time DATETIME(6) NOT NULL,
  update_time DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, dispute_id),
  KEY by_ordinal (account_id, ordinal)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
