-- oldest-code: 4
--
-- Which months an account has entries in, and which of its seqs those are, so that
-- a page of its history looks into the months that it needs only.

-- The month that entries of the account are being added to; 0 if it has none.
-- Without a default, so that programs of before, which don't know this, can write
-- no balance any more and nothing else with it. Neither server has a form of ADD
-- COLUMN that both take and that may be run twice.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'balances' AND column_name = 'month') = 0,
  'ALTER TABLE balances ADD COLUMN month INT NOT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- No entry of this month has a seq below first_seq, and none beyond last_seq; but
-- those of the month that entries are being added to go up to the account's last.
-- So the row is written when the account turns to a month or away from it, and for
-- a usage that comes late.
CREATE TABLE IF NOT EXISTS account_months (
  account_id VARBINARY(64) NOT NULL,
  month INT NOT NULL,
  first_seq BIGINT NOT NULL,
  last_seq BIGINT NOT NULL,
  PRIMARY KEY (account_id, month)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO account_months (account_id, month, first_seq, last_seq)
SELECT account_id, month, MIN(seq), MAX(seq) FROM entries GROUP BY account_id, month
ON DUPLICATE KEY UPDATE first_seq = LEAST(first_seq, VALUES(first_seq)),
  last_seq = GREATEST(last_seq, VALUES(last_seq));

UPDATE balances SET month = COALESCE((SELECT MAX(m.month) FROM account_months m
  WHERE m.account_id = balances.account_id), 0) WHERE month = 0;
