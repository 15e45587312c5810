#include "ingest/init/name_hints.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "ingest/init/plain_names.h"

namespace millrace::cli {
namespace {

// Whether a list of words, each with a blank on both sides, has this one.
bool Has(std::string_view list, const std::string& word) {
  return list.find(" " + word + " ") != std::string_view::npos;
}

bool HasAny(std::string_view list, const std::string& name) {
  const std::vector<std::string> words = WordsOf(name);
  return std::any_of(words.begin(), words.end(),
                     [&](const std::string& word) { return Has(list, word); });
}

std::string LastWord(const std::string& name) {
  const std::vector<std::string> words = WordsOf(name);
  return words.empty() ? "" : words.back();
}

constexpr std::string_view kIdWords = " id ids uuid guid key hash nr no number nummer ";

// `name` without a last word that says that it is an id; also without the end of a German word:
// kundennummer, kunden_nr.
std::string WithoutId(const std::string& name) {
  constexpr std::string_view kNumber = "nummer";
  const std::string last = LastWord(name);
  if (last != name && Has(kIdWords, last)) return name.substr(0, name.size() - last.size() - 1);
  if (name.size() > kNumber.size() && name.ends_with(kNumber)) {
    return name.substr(0, name.size() - kNumber.size());
  }
  return name;
}

// As a plain name, without the "_" that a reserved word gets.
std::string Plain(const std::string& name) {
  std::string plain = PlainName(name);
  if (plain.ends_with('_')) plain.pop_back();
  return plain;
}

}  // namespace

bool NamesTime(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(
      " time times timestamp ts date datetime at when epoch stamp zeit datum day zeitpunkt "
      "zeitstempel buchungstag created occurred received started ",
      name);
}

int RankAsTime(const std::string& any_name) {
  const std::string name = Plain(any_name);
  if (HasAny(" birth birthday expires expiry expiration due updated modified deleted until end "
             "ended valid delivered first ",
             name)) {
    return -1;
  }
  return Has(" event_time timestamp event_timestamp time ts datetime date_time occurred_at "
             "event_date "
             "date zeit zeitpunkt zeitstempel datum server_time received_at created_at ",
             name)
             ? 2
             : 0;
}

int RankAsTenant(const std::string& any_name) {
  const std::string name = Plain(any_name);
  constexpr const char* kTenants[] = {
      "tenant",  "workspace", "organization", "organisation", "org",     "account",  "customer",
      "project", "merchant",  "shop",         "store",        "site",    "property", "website",
      "domain",  "company",   "client",       "team",         "mandant", "kunde"};
  std::string base = WithoutId(name);
  if (Has(" name code slug ", LastWord(base)) && base != LastWord(base)) {
    base = base.substr(0, base.size() - LastWord(base).size() - 1);
  }
  for (std::size_t i = 0; i < std::size(kTenants); ++i) {
    if (base == kTenants[i]) return static_cast<int>(i) + 1;
  }
  return 0;
}

bool NamesId(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return Has(" id ids uuid guid key hash nr no ip ipaddress ", LastWord(name)) ||
         name == "ip_address" || name.ends_with("nummer") || RankAsActor(name) > 0;
}

bool NamesOwnId(const std::string& any_name, const std::string& table) {
  const std::string name = Plain(any_name);
  const std::string base = WithoutId(name);
  if (base == name) return Has(" id uuid guid key ", name);
  const bool plural = !table.empty() && table.back() == 's';
  return base == table || (plural && base == table.substr(0, table.size() - 1)) ||
         Has(" event message msg hit record row request log entry payment transaction insert "
             "zahlungs ",
             base);
}

int RankAsActor(const std::string& any_name) {
  const std::string name = Plain(any_name);
  const std::string base = WithoutId(name);
  if (Has(" user visitor device person customer member subscriber anonymous client_user cookie "
          "sensor machine vehicle player driver kunde kunden geraet gerät nutzer ",
          base)) {
    return 3;
  }
  if (Has(" session visit cart trip ride call besuch sitzung ", base)) return 2;
  return Has(" order card iban auftrag auftrags ", base) ? 1 : 0;
}

int RankForTop(const std::string& any_name) {
  const std::string name = Plain(any_name);
  const std::string base = WithoutId(name);
  if (Has(" page url path product sku article item query keyword song video seite artikel produkt ",
          base)) {
    return 2;
  }
  // Hardly anybody asks which session was the longest.
  const int actor = RankAsActor(name);
  return actor == 3 ? 3 : actor == 0 ? 1 : 0;
}

bool NamesKind(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(
      " status code level kind type class category version port floor room priority group "
      "grade state error month weekday hour quarter channel ",
      name);
}

bool NamesCurrency(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(" currency waehrung währung ", name) || name == "ccy";
}

bool NamesMoney(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(
      " revenue amount price cost costs total subtotal fee fees tax betrag umsatz preis "
      "summe brutto netto sales spend discount refund tip eur usd gbp chf cents turnover "
      "income gmv ",
      name);
}

bool NamesQuantity(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(
      " quantity qty count items units bytes clicks views impressions conversions menge "
      "anzahl hits packets orders requests errors points ",
      name);
}

bool NamesNoMeasure(const std::string& any_name) {
  const std::string name = Plain(any_name);
  return HasAny(
      " lat latitude lon lng long longitude x y zip plz postcode phone telefon year jahr "
      "offset index position seq sequence ",
      name);
}

}  // namespace millrace::cli
