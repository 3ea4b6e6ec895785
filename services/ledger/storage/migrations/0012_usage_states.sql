-- oldest-code: 12
--
-- Usages that can be put right: what became of each of the few of which there is more to say than
-- their entry does, and allowances by user and period, to which a void gives back. A program from
-- before keeps one allowance a user in `users` and does not know of voids: it must not run on this
-- schema.
CREATE TABLE IF NOT EXISTS allowances (
  account_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  period INT NOT NULL,
  seconds_used BIGINT NOT NULL,
  PRIMARY KEY (account_id, user_id, period)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO allowances (account_id,user_id,period,seconds_used)
SELECT u.account_id,u.user_id,u.free_period,u.free_seconds_used FROM users u
WHERE u.free_seconds_used <> 0
ON DUPLICATE KEY UPDATE seconds_used = allowances.seconds_used;

ALTER TABLE users
  MODIFY free_seconds_used BIGINT NOT NULL DEFAULT 0,
  MODIFY free_period INT NOT NULL DEFAULT 0;

-- status: 1 rated, 2 unrated, 3 voided. seq: of the entry that booked it, or voided it before it
-- came; latest_seq: of the one that rated or voided it last.
CREATE TABLE IF NOT EXISTS usage_states (
  account_id VARBINARY(64) NOT NULL,
  usage_id VARBINARY(64) NOT NULL,
  status TINYINT NOT NULL,
  unrated_reason TINYINT NOT NULL,
  seq BIGINT NOT NULL,
  cost_nanos BIGINT NOT NULL,
  free_seconds BIGINT NOT NULL,
  free_period INT NOT NULL,
  latest_seq BIGINT NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  start_time DATETIME(6) NULL,
  corrected_by VARBINARY(64) NOT NULL,
  update_time DATETIME(6) NOT NULL,
  PRIMARY KEY (account_id, usage_id),
  KEY by_status (status, account_id, usage_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries' AND column_name = 'voided_usage_id') = 0,
  'ALTER TABLE entries
  ADD COLUMN free_period INT NULL,
  ADD COLUMN unrated_reason TINYINT NULL,
  ADD COLUMN corrects_usage_id VARBINARY(64) NULL,
  ADD COLUMN previous_cost_nanos BIGINT NULL,
  ADD COLUMN voided_usage_id VARBINARY(64) NULL,
  ADD COLUMN free_seconds_back BIGINT NULL,
  ADD COLUMN free_period_back INT NULL,
  ADD COLUMN voided_in_advance TINYINT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'usage_id') = 0,
  'ALTER TABLE events ADD COLUMN usage_id VARBINARY(64) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
