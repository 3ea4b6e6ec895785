-- oldest-code: 28
--
-- Receipts: what a customer is shown of money that came, or went back, numbered in the account's own
-- series, each written with the entry that books the money. None is written before the feature level
-- allows it, as a program from before would leave them out.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'last_receipt') = 0,
  'ALTER TABLE accounts ADD COLUMN last_receipt BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

CREATE TABLE IF NOT EXISTS receipts (
  account_id VARBINARY(64) NOT NULL,
  number BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  kind TINYINT NOT NULL,
  amount_nanos BIGINT NOT NULL,
  create_time DATETIME(6) NOT NULL,
  ordinal BIGINT NOT NULL,
  recharge_kind TINYINT NOT NULL,
  asked_nanos BIGINT NOT NULL,
  charge_id VARBINARY(128) NOT NULL,
  refund_of BIGINT NOT NULL,
  means TINYINT NOT NULL,
  card_network TINYINT NOT NULL,
  card_brand VARCHAR(32) NOT NULL,
  card_last_four VARBINARY(4) NOT NULL,
  PRIMARY KEY (account_id, number)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
