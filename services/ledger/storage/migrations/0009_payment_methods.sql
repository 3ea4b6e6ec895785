-- oldest-code: 9
--
-- Several cards an account, each with its own state and schedule; caps in money by the hour, day
-- and month; the customer's switch; suspensions; recharges set aside. A program from before knows
-- one card, in the account's row, and would charge it: it must not run on this schema. What it
-- left behind is taken over here.
SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'open_waits') = 0,
  'ALTER TABLE accounts
  ADD COLUMN open_waits TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN set_aside INT NOT NULL DEFAULT 0,
  ADD COLUMN set_aside_time DATETIME(6) NULL,
  ADD COLUMN last_payment_method INT NOT NULL DEFAULT 0,
  ADD COLUMN cap_hour BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN cap_hour_amount_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN cap_reported_hour BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN cap_month INT NOT NULL DEFAULT 0,
  ADD COLUMN cap_month_amount_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN cap_reported_month INT NOT NULL DEFAULT 0,
  ADD COLUMN cap_reached_time DATETIME(6) NULL,
  ADD COLUMN monthly_cap_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN automatic_off_time DATETIME(6) NULL,
  ADD COLUMN suspension TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN suspension_time DATETIME(6) NULL,
  ADD COLUMN taken_back_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN taken_back_time DATETIME(6) NULL,
  ADD COLUMN notify_below_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN tries_day INT NOT NULL DEFAULT 0,
  ADD COLUMN cards_given INT NOT NULL DEFAULT 0,
  ADD COLUMN declines INT NOT NULL DEFAULT 0,
  ADD COLUMN marks VARBINARY(512) NOT NULL DEFAULT '''',
  ADD COLUMN expiry_notice_time DATETIME(6) NULL,
  ADD KEY by_expiry_notice_time (expiry_notice_time)', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'recharges' AND column_name = 'payment_method_id') = 0,
  'ALTER TABLE recharges
  ADD COLUMN payment_method_id VARBINARY(64) NOT NULL DEFAULT ''card-1'',
  ADD COLUMN card_given INT NOT NULL DEFAULT 1,
  ADD COLUMN credited_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN pending_time DATETIME(6) NULL,
  ADD COLUMN set_aside TINYINT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;

SET @statement = IF((SELECT COUNT(*) FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'payment_method_id') = 0,
  'ALTER TABLE events
  ADD COLUMN payment_method_id VARBINARY(64) NOT NULL DEFAULT '''',
  ADD COLUMN actor VARCHAR(128) NOT NULL DEFAULT '''',
  ADD COLUMN reference VARCHAR(128) NOT NULL DEFAULT ''''', 'DO 0');
PREPARE change_table FROM @statement;
EXECUTE change_table;
DEALLOCATE PREPARE change_table;

-- Rows are never taken away: a card that the customer removed keeps its id, and loses its token.
-- retry_time: NULL, never by itself; the epoch: at once.
CREATE TABLE IF NOT EXISTS payment_methods (
  account_id VARBINARY(64) NOT NULL,
  payment_method_id VARBINARY(64) NOT NULL,
  position INT NOT NULL,
  state TINYINT NOT NULL,
  state_time DATETIME(6) NULL,
  card_token VARBINARY(255) NOT NULL,
  card_fingerprint VARBINARY(64) NOT NULL,
  card_network TINYINT NOT NULL,
  brand VARCHAR(32) NOT NULL,
  last_four VARBINARY(4) NOT NULL,
  expiry_year INT NOT NULL,
  expiry_month INT NOT NULL,
  given INT NOT NULL,
  soft_declines INT NOT NULL,
  retry_time DATETIME(6) NULL,
  declined_ordinal BIGINT NOT NULL,
  declined_attempt INT NOT NULL,
  expiry_told TINYINT NOT NULL,
  PRIMARY KEY (account_id, payment_method_id)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

INSERT INTO payment_methods (account_id,payment_method_id,position,state,state_time,card_token,
  card_fingerprint,card_network,brand,last_four,expiry_year,expiry_month,given,soft_declines,
  retry_time,declined_ordinal,declined_attempt,expiry_told)
SELECT a.account_id,'card-1',1,a.card_state,a.create_time,a.card_token,a.card_fingerprint,
  a.card_network,'','',0,0,1,
  COALESCE((SELECT r.soft_declines FROM recharges r
    WHERE r.account_id = a.account_id AND r.ordinal = a.open_ordinal), 0),
  IF(a.card_state = 1, '1970-01-01 00:00:00', (SELECT r.due_time FROM recharges r
    WHERE r.account_id = a.account_id AND r.ordinal = a.open_ordinal)),
  0,0,0
FROM accounts a WHERE a.card_state <> 0 AND a.last_payment_method = 0
ON DUPLICATE KEY UPDATE expiry_told = VALUES(expiry_told);

-- An attempt on a token that the customer has replaced says nothing of the card as it is now.
UPDATE recharges SET card_given = 0
WHERE state = 1 AND attempt_start IS NOT NULL AND card_given = 1 AND card_token <> (
  SELECT a.card_token FROM accounts a WHERE a.account_id = recharges.account_id);

-- A recharge under review is not the open one any more: it only stops automatic recharging.
UPDATE recharges SET set_aside = 1 WHERE state = 4;
UPDATE accounts SET set_aside = 1, set_aside_time = create_time, open_ordinal = 0
WHERE open_ordinal <> 0 AND (SELECT r.state FROM recharges r
  WHERE r.account_id = accounts.account_id AND r.ordinal = accounts.open_ordinal) = 4;
UPDATE recharges SET credited_nanos = amount_nanos WHERE state = 2 AND credited_nanos = 0;
UPDATE accounts SET open_waits = 1 WHERE open_ordinal <> 0;
UPDATE accounts SET last_payment_method = 1 WHERE card_state <> 0 AND last_payment_method = 0;
