-- oldest-code: 1
--
-- Events that programs can read (amount, decline, obstacle), and the feed of all
-- accounts' events in the order of feed_time: the database's clock when the event
-- was inserted, one clock for all ledgers. A column is added only if it is not
-- there, as a statement may be run twice. Programs that know nothing of these
-- columns go on: the defaults hold for them, and put their events in the feed.
-- Events from before have no feed_time: they count as before any watch, and the
-- rest of their new columns says nothing.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'events' AND column_name = 'feed_time');
SET @change = IF(@missing, 'ALTER TABLE events
  ADD COLUMN amount_nanos BIGINT NOT NULL DEFAULT 0,
  ADD COLUMN recharge_kind TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN decline_class TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN obstacle TINYINT NOT NULL DEFAULT 0,
  ADD COLUMN feed_time DATETIME(6) NULL,
  ADD KEY by_feed_time (feed_time, account_id, event_seq)', 'DO 0');
PREPARE change_events FROM @change;
EXECUTE change_events;
DEALLOCATE PREPARE change_events;
-- The default comes second: added with the column it would fill the old rows too.
ALTER TABLE events MODIFY COLUMN feed_time DATETIME(6) NULL DEFAULT CURRENT_TIMESTAMP(6);

-- The day (20261123) on which reaching a cap was last told: once a day is enough.
SET @missing = (SELECT COUNT(*) = 0 FROM information_schema.columns
  WHERE table_schema = DATABASE() AND table_name = 'accounts' AND column_name = 'cap_reported_day');
SET @change = IF(@missing,
  'ALTER TABLE accounts ADD COLUMN cap_reported_day INT NOT NULL DEFAULT 0', 'DO 0');
PREPARE change_accounts FROM @change;
EXECUTE change_accounts;
DEALLOCATE PREPARE change_accounts;
