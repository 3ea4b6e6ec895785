#include "tests/simulation/reconciler.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace reserve::simulation {
namespace {

// Is it of a charge that is none of a worker's?
bool OfPage(const book::Command& told) {
  if (const auto* refund = std::get_if<book::ReportGatewayRefund>(&told)) {
    return refund->ordinal == 0;
  }
  const auto* dispute = std::get_if<book::ReportGatewayDispute>(&told);
  return dispute != nullptr && dispute->ordinal == 0;
}

std::string WordsOf(const book::Command& told) {
  if (const auto* refund = std::get_if<book::ReportGatewayRefund>(&told)) {
    return absl::StrCat(refund->told.refund_id, " in state ", static_cast<int>(refund->told.state));
  }
  if (const auto* dispute = std::get_if<book::ReportGatewayDispute>(&told)) {
    return absl::StrCat(dispute->told.dispute_id, " in state ",
                        static_cast<int>(dispute->told.state));
  }
  return absl::StrCat("success of charge ", std::get<book::ReportRecharge>(told).outcome.charge_id);
}

}  // namespace

Reconciler::Reconciler(Scene* scene, std::vector<SimulatedLedger*> ledgers, ModelGateway* gateway)
    : scene_(*scene), ledgers_(std::move(ledgers)), gateway_(*gateway) {
  gateway_.set_news([this](const std::string& account_id, const book::Command& told) {
    OnNews(account_id, told);
  });
}

void Reconciler::OnNews(const std::string& account_id, const book::Command& told) {
  const bool until_answered = !scene_.troubled();
  if (scene_.Fails(0.3)) return;
  const int times = scene_.Fails(0.3) ? 2 : 1;
  for (int i = 0; i < times; ++i) {
    const auto telling =
        std::make_shared<Telling>(Telling{account_id, told, until_answered, OfPage(told)});
    ++untold_;
    scene_.After(scene_.UpTo(scene_.Fails(0.3) ? absl::Hours(1) : absl::Milliseconds(300)),
                 [this, telling] { SendOut(telling); });
  }
}

void Reconciler::TellAll() {
  if (scene_.sabotaged(Sabotage::kNothingToldInTheEnd)) return;
  gateway_.given_back().TellAll([this](const std::string& account_id, const book::Command& told) {
    const auto telling =
        std::make_shared<Telling>(Telling{account_id, told, /*until_answered=*/true, OfPage(told)});
    ++untold_;
    scene_.After(scene_.UpTo(absl::Minutes(10)), [this, telling] { SendOut(telling); });
  });
}

void Reconciler::SendOut(const std::shared_ptr<Telling>& telling) {
  SimulatedLedger* ledger =
      ledgers_[static_cast<size_t>(scene_.Below(static_cast<int>(ledgers_.size())))];
  scene_.Tell([&] {
    return absl::StrCat(ledger->name(), " is told of ", telling->account_id, "'s ",
                        WordsOf(telling->command));
  });
  if (std::holds_alternative<book::ReportRecharge>(telling->command)) {
    scene_.Count(Happening::kPendingToldByNews);
  }
  scene_.Send([this, telling, ledger] {
    ledger->Submit(telling->account_id, telling->command,
                   [this, telling](const absl::StatusOr<book::Reply>& reply) {
                     OnReply(telling, reply.status());
                   });
  });
  if (!telling->until_answered) {
    telling->done = true;
    --untold_;
    return;
  }
  scene_.After(absl::Minutes(1), [this, telling] {
    if (!telling->done) SendOut(telling);
  });
}

void Reconciler::OnReply(const std::shared_ptr<Telling>& telling, const absl::Status& status) {
  if (absl::IsUnavailable(status)) return;  // it is told again
  // So is what is of a page's charge that nobody has booked yet.
  if (absl::IsNotFound(status) && telling->of_page) return;
  if (!status.ok()) {
    scene_.Fail("the ledger takes what the gateway tells", std::string(status.message()));
  }
  if (telling->done) return;
  telling->done = true;
  --untold_;
}

}  // namespace reserve::simulation
