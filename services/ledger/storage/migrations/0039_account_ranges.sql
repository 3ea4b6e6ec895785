-- oldest-code: 28
--
-- Which ledger works on which range of the accounts (book/keyspace.h): for routing alone, as every
-- write checks what it rests on. owner: a ledger_id of `ledgers`; empty: nobody. epoch: how often the
-- owner has changed. Where other ledgers reach that one, and what it counts up while it lives, stands
-- with it; an empty address: it takes no part. A program from before neither reads nor writes any of
-- it. The ranges are made by the first ledger that takes part.
CREATE TABLE IF NOT EXISTS account_ranges (
  number INT NOT NULL,
  owner VARBINARY(128) NOT NULL,
  epoch BIGINT NOT NULL,
  PRIMARY KEY (number)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'ledgers' AND column_name = 'beat') = 0,
  'ALTER TABLE ledgers
  ADD COLUMN address VARBINARY(255) NOT NULL DEFAULT '''',
  ADD COLUMN beat BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
