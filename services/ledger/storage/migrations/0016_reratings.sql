-- oldest-code: 16
--
-- Usages that are rated again (U6, U7): what is under way, and of each usage by which plan and deck
-- it was rated last, what it cost before, and by which rerating. A program from before would take
-- the earlier rating for the latest, and miss a field of the chain: it must not run on this schema.
--
-- state: 1 running, 2 done. prices: 1 of the timeline, 2 of a deck, 3 of each usage's own deck.
-- at_account, at_seq: what comes after is still to be done.
CREATE TABLE IF NOT EXISTS reratings (
  number BIGINT NOT NULL,
  request_id VARBINARY(64) NOT NULL,
  digest VARBINARY(64) NOT NULL,
  account_id VARBINARY(64) NOT NULL,
  user_id VARBINARY(64) NOT NULL,
  plan_id VARBINARY(64) NOT NULL,
  prefix VARBINARY(32) NOT NULL,
  from_time DATETIME(6) NULL,
  to_time DATETIME(6) NULL,
  currency VARBINARY(3) NOT NULL,
  prices TINYINT NOT NULL,
  deck_version BIGINT NOT NULL,
  include_unrated TINYINT NOT NULL,
  may_recharge TINYINT NOT NULL,
  reason VARCHAR(255) NOT NULL,
  actor VARCHAR(128) NOT NULL,
  reference VARCHAR(128) NOT NULL,
  state TINYINT NOT NULL,
  at_account VARBINARY(64) NOT NULL,
  at_seq BIGINT NOT NULL,
  looked_at BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  without_price BIGINT NOT NULL,
  passed_over BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  charged_nanos BIGINT NOT NULL,
  returned_nanos BIGINT NOT NULL,
  lease_owner VARBINARY(64) NOT NULL,
  lease_epoch BIGINT NOT NULL,
  lease_end DATETIME(6) NULL,
  create_time DATETIME(6) NOT NULL,
  update_time DATETIME(6) NOT NULL,
  PRIMARY KEY (number),
  UNIQUE KEY by_request_id (request_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'usage_states' AND column_name = 'rerating') = 0,
  'ALTER TABLE usage_states
  ADD COLUMN plan_id VARBINARY(64) NOT NULL DEFAULT '''',
  ADD COLUMN deck_version BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN previous_cost_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN rerating BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN rated_seq BIGINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'entries'
  AND column_name = 'previous_free_seconds') = 0,
  'ALTER TABLE entries
  ADD COLUMN previous_free_seconds BIGINT NULL,
  ADD COLUMN previous_free_period INT NULL', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;
