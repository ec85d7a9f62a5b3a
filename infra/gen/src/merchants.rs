//! The merchants of the day as data: what becomes of their payments, and how their tills write sales. Nothing else in
//! this crate knows a merchant by name.

use crate::world::Scheme;

/// One merchant. Two are equal if they are the same one.
#[derive(Debug)]
pub(crate) struct Merchant {
    pub(crate) slug: &'static str,
    /// How many of a hundred sales, and of a hundred payments that are to be matched, are its.
    pub(crate) share: u64,
    pub(crate) route: Route,
    /// Visa tells its authorisations in London's time, not in GMT (spec import §3.2).
    pub(crate) visa_in_london: bool,
    /// What people spend, in pence.
    pub(crate) pence: (i64, i64),
    /// What the payment schemes call it: Visa's name and number of the merchant, Mastercard's number (six characters).
    pub(crate) names: [&'static str; 3],
    /// How its shops' numbers begin.
    pub(crate) store: &'static str,
    /// How its members' numbers begin, and the first of them.
    pub(crate) members: (&'static str, usize),
    pub(crate) till: Option<Till>,
}

impl PartialEq for Merchant {
    fn eq(&self, other: &Self) -> bool {
        self.slug == other.slug
    }
}

/// What becomes of payments (spec import §8).
#[derive(Debug)]
pub(crate) enum Route {
    /// They are matched with sales.
    Loyalty(Rules),
    /// They count by themselves; refunds are told, or nothing follows from them.
    Spotted { refunds: bool },
    /// Each line is told.
    Streamed,
}

/// As much of a matching policy as decides whether a pair is certain (spec match §5.3-5.8).
#[derive(Debug)]
pub(crate) struct Rules {
    /// How many seconds till and payment scheme may be apart.
    pub(crate) within_s: i64,
    /// A Visa payment without auth code fits whatever the time.
    pub(crate) visa_any_time: bool,
    /// Amex payments are matched.
    pub(crate) amex: bool,
}

impl Rules {
    /// How far apart till and payment scheme are where the pair has to be certain.
    pub(crate) fn drift_s(&self) -> i64 {
        self.within_s * 4 / 5
    }
}

/// How a merchant's till feed is written.
#[derive(Debug)]
pub(crate) struct Till {
    pub(crate) by: By,
    pub(crate) place: Place,
    pub(crate) columns: &'static [(&'static str, Cell)],
    /// Around the shop's number in the till's own number of a sale.
    pub(crate) id: [&'static str; 2],
    /// Of these cells the id of a sale is a hash; it is the till's own number if there are none.
    pub(crate) hash: &'static [Cell],
    /// What the till calls cards: of each payment scheme, in the order of [`Scheme::ALL`], then those that the filters
    /// drop.
    pub(crate) labels: [&'static [&'static str]; 4],
    /// Auth codes for which the filters drop a sale.
    pub(crate) declined: &'static [&'static str],
    /// A sale without receipt has NUL for its number, and is dropped.
    pub(crate) nul_receipts: bool,
    /// Sales below so many pence are dropped.
    pub(crate) minimum: i64,
    /// A bad amount rejects a sale even if its card type would have dropped it.
    pub(crate) amount_first: bool,
    /// The till does not always know a card's first six digits, and its name then tells the payment scheme.
    pub(crate) first_six_may_lack: bool,
}

/// How sales travel.
#[derive(Debug)]
pub(crate) enum By {
    /// In files: the line break, how many columns a cut row keeps (the card type, and not all that is needed), and the
    /// files of the day by the minute up to which they tell and the minutes until they come.
    File { end: &'static str, cut: usize, windows: &'static [(i64, i64)] },
    /// One by one.
    Message,
}

/// What a sale says of its shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Mid,
    Location,
}

/// What stands in a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// The same for every sale. In a message it is JSON.
    Always(&'static str),
    /// The till's own number.
    Id,
    /// What the sale is known by at the card acceptor, or the shop's number.
    Place,
    Store,
    /// A number that nobody reads.
    Counter,
    FirstSix,
    LastFour,
    /// Both with stars between them.
    Masked,
    Label,
    /// Iceland's number of the card type.
    LabelNumber,
    /// In pounds.
    Amount,
    /// In pounds, without the tip.
    Bill,
    Tip,
    Pence,
    Currency,
    Code,
    /// In London's time, with a blank or with a `T`.
    London,
    LondonIso,
    UtcIso,
    /// The typed datetime of a message (spec import §3.5); without offset it is London's or UTC.
    TypedLondon,
    TypedUtc,
    /// As Wasabi writes them.
    Day,
    Time,
    /// The merchant's account of the shop, inside an object.
    Account,
}

impl Till {
    /// Do the filters drop cards of this name?
    pub(crate) fn refuses(&self, label: &str) -> bool {
        let [_, _, _, strange] = self.labels;
        strange.contains(&label)
    }
}

impl Merchant {
    /// The rules by which its payments are matched, if they are.
    pub(crate) fn rules(&self) -> Option<&Rules> {
        match &self.route {
            Route::Loyalty(rules) => Some(rules),
            Route::Spotted { .. } | Route::Streamed => None,
        }
    }

    /// Are payments of this scheme matched?
    pub(crate) fn matches(&self, scheme: Scheme) -> bool {
        self.rules().is_some_and(|rules| scheme != Scheme::Amex || rules.amex)
    }

    /// Does a payment without auth code fit in time only?
    pub(crate) fn bounds_time(&self, scheme: Scheme) -> bool {
        self.rules().is_some_and(|rules| scheme != Scheme::Visa || !rules.visa_any_time)
    }

    pub(crate) fn has_files(&self) -> bool {
        matches!(self.till, Some(Till { by: By::File { .. }, .. }))
    }

    pub(crate) fn names_currency(&self) -> bool {
        self.till.as_ref().is_some_and(|till| till.columns.iter().any(|(_, cell)| *cell == Cell::Currency))
    }

    pub(crate) fn at_locations(&self) -> bool {
        self.till.as_ref().is_some_and(|till| till.place == Place::Location)
    }

    /// Amex authorisations of these are not imported (spec import §7.1).
    pub(crate) fn skips_amex_auths(&self) -> bool {
        self.rules().is_none()
    }

    pub(crate) fn tells_refunds(&self) -> bool {
        matches!(self.route, Route::Spotted { refunds: true } | Route::Streamed)
    }
}

const ICELAND: Merchant = Merchant {
    slug: "iceland-bonus-card",
    share: 32,
    route: Route::Loyalty(Rules { within_s: 60, visa_any_time: false, amex: true }),
    visa_in_london: false,
    pence: (149, 9_800),
    names: ["ICELAND FOODS", "PSICELAND1", "AGGICE"],
    store: "0",
    members: ("", 76_320_001),
    till: Some(Till {
        by: By::File {
            end: "\n",
            cut: 6,
            windows: &[(660, 9), (780, 14), (900, 6), (1_080, 21), (1_260, 12), (1_410, 25)],
        },
        place: Place::Mid,
        columns: &[
            ("TransactionCardFirst6", Cell::FirstSix),
            ("TransactionCardLast4", Cell::LastFour),
            ("TransactionCardExpiry", Cell::Always("01/30")),
            ("TransactionCardSchemeId", Cell::LabelNumber),
            ("TransactionCardScheme", Cell::Label),
            ("TransactionStore_Id", Cell::Place),
            ("TransactionTimestamp", Cell::London),
            ("TransactionAmountValue", Cell::Amount),
            ("TransactionAmountUnit", Cell::Currency),
            ("TransactionCashbackValue", Cell::Always(".00")),
            ("TransactionCashbackUnit", Cell::Always("GBP")),
            ("TransactionId", Cell::Id),
            ("TransactionAuthCode", Cell::Code),
        ],
        id: ["000", "_"],
        hash: &[],
        labels: [
            &["Visa", "Visa Debit", "Electron", "Visa CPC"],
            &[
                "MasterCard/MasterCard One",
                "Maestro",
                "EDC/Maestro (INT) / Laser",
                "MasterCard Debit",
                "Mastercard One",
            ],
            &["Amex"],
            &["Diners", "visa", "", "Amex "],
        ],
        declined: &["decline", "DECLINE", "Decline"],
        nul_receipts: false,
        minimum: 0,
        amount_first: false,
        first_six_may_lack: false,
    }),
};

const WASABI: Merchant = Merchant {
    slug: "wasabi-club",
    share: 22,
    route: Route::Loyalty(Rules { within_s: 180, visa_any_time: false, amex: true }),
    visa_in_london: false,
    pence: (395, 4_250),
    names: ["WASABI SUSHI & BENTO", "PSWASABI01", "AGGWAS"],
    store: "A",
    members: ("WAS", 4_100_001),
    till: Some(Till {
        // one file is late: it comes after the next one
        by: By::File { end: "\r\n", cut: 8, windows: &[(720, 17), (840, 5), (960, 240), (1_140, 11), (1_420, 19)] },
        place: Place::Mid,
        columns: &[
            ("Store No_", Cell::Store),
            ("Entry No_", Cell::Always("16277")),
            ("Transaction No_", Cell::Counter),
            ("Tender Type", Cell::Always("3")),
            ("Amount", Cell::Amount),
            ("Card Number", Cell::Masked),
            ("Card Type Name", Cell::Label),
            ("Auth_code", Cell::Code),
            ("Authorisation Ok", Cell::Always("1")),
            ("Date", Cell::Day),
            ("Time", Cell::Time),
            ("EFT Merchant No_", Cell::Place),
            ("Receipt No_", Cell::Id),
        ],
        id: ["0000", "R"],
        hash: &[],
        labels: [
            &["Visa Debit", "Visa", "Visa (Purchasing Card)", "Visa (Enhanced Management Info"],
            &["Mastercard", "Debit Mastercard", "Maestro", "Compliments Card"],
            &["American Express"],
            // the first is a known one in full, but the source cuts names at 30 characters
            &["Visa (Enhanced Management Info)", "Gift", "visa"],
        ],
        declined: &[],
        nul_receipts: true,
        minimum: 0,
        amount_first: false,
        first_six_may_lack: false,
    }),
};

const COSTA: Merchant = Merchant {
    slug: "costa",
    share: 14,
    route: Route::Loyalty(Rules { within_s: 60, visa_any_time: false, amex: true }),
    visa_in_london: false,
    pence: (180, 2_400),
    names: ["COSTA COFFEE", "PSCOSTA001", "AGGCOS"],
    store: "C",
    members: ("9835", 2_200_001),
    till: Some(Till {
        by: By::Message,
        place: Place::Mid,
        columns: &[
            ("transaction_id", Cell::Id),
            ("payment_card_type", Cell::Label),
            ("payment_card_first_six", Cell::FirstSix),
            ("payment_card_last_four", Cell::LastFour),
            ("amount", Cell::Amount),
            ("currency_code", Cell::Currency),
            ("auth_code", Cell::Code),
            ("date", Cell::TypedUtc),
            ("merchant_identifier", Cell::Place),
            ("retailer_location_id", Cell::Store),
            ("metadata", Cell::Always(r#"{"till":"3"}"#)),
            ("items_ordered", Cell::Always(r#""{\"products\":[{\"id\":\"2\"}]}""#)),
        ],
        id: ["COS-", "-"],
        hash: &[],
        labels: [&["visa"], &["mastercard"], &["amex"], &["Visa", "diners", ""]],
        declined: &[],
        nul_receipts: false,
        minimum: 0,
        amount_first: false,
        first_six_may_lack: false,
    }),
};

const ITSU: Merchant = Merchant {
    slug: "itsu",
    share: 11,
    route: Route::Loyalty(Rules { within_s: 180, visa_any_time: true, amex: false }),
    visa_in_london: true,
    pence: (505, 3_900),
    names: ["ITSU", "PSITSU0001", "AGGITS"],
    store: "05",
    members: ("ITSU", 310_001),
    till: Some(Till {
        by: By::File { end: "\n", cut: 5, windows: &[(740, 13), (930, 8), (1_150, 16), (1_400, 22)] },
        place: Place::Location,
        columns: &[
            ("transaction_id", Cell::Id),
            ("payment_card_type", Cell::Label),
            ("payment_card_first_six", Cell::FirstSix),
            ("payment_card_last_four", Cell::LastFour),
            ("amount", Cell::Amount),
            ("currency_code", Cell::Currency),
            ("auth_code", Cell::Code),
            ("date", Cell::UtcIso),
            ("merchant_identifier", Cell::Always("")),
            ("retailer_location_id", Cell::Place),
            ("transaction_data", Cell::Always("")),
            ("customer_id", Cell::Always("")),
        ],
        id: ["", "/005/"],
        hash: &[],
        labels: [&["visa"], &["mastercard"], &["amex"], &["Visa", "discover", ""]],
        declined: &[],
        nul_receipts: false,
        minimum: 500,
        amount_first: true,
        first_six_may_lack: true,
    }),
};

/// The names of cards as Stonegate's and TGI Fridays' tills write them (spec import §7.13).
const LOOSE_LABELS: [&[&str]; 4] = [
    &["VISA CREDIT", "Visa Debit", "vs"],
    &["MCARD DEBIT", "Mastercard", "Maestro", "MC"],
    &["American Express", "AMEX"],
    &["GIFT CARD", "Diners", "cash"],
];

const STONEGATE: Merchant = Merchant {
    slug: "stonegate",
    share: 9,
    route: Route::Loyalty(Rules { within_s: 180, visa_any_time: true, amex: true }),
    visa_in_london: true,
    pence: (450, 8_900),
    names: ["STONEGATE PUBS", "PSSTONEG01", "AGGSTO"],
    store: "SITE-0",
    members: ("SG", 5_500_001),
    till: Some(Till {
        by: By::Message,
        place: Place::Location,
        columns: &[
            ("transaction_id", Cell::Id),
            ("payment_card_type", Cell::Label),
            ("payment_card_first_six", Cell::FirstSix),
            ("payment_card_last_four", Cell::LastFour),
            ("amount", Cell::Amount),
            ("currency_code", Cell::Currency),
            ("auth_code", Cell::Code),
            ("date", Cell::TypedLondon),
            ("retailer_location_id", Cell::Place),
            ("metadata", Cell::Account),
        ],
        id: ["POS-", "-"],
        hash: &[Cell::TypedLondon, Cell::Code, Cell::Account, Cell::Amount, Cell::Id],
        labels: LOOSE_LABELS,
        declined: &[],
        nul_receipts: false,
        minimum: 0,
        amount_first: false,
        first_six_may_lack: true,
    }),
};

const TGI_FRIDAYS: Merchant = Merchant {
    slug: "tgi-fridays",
    share: 8,
    route: Route::Loyalty(Rules { within_s: 180, visa_any_time: true, amex: true }),
    visa_in_london: true,
    pence: (1_250, 14_500),
    names: ["TGI FRIDAYS", "PSTGIFR001", "AGGTGI"],
    store: "TG",
    members: ("TGIF", 880_001),
    till: Some(Till {
        by: By::File { end: "\n", cut: 5, windows: &[(800, 11), (1_010, 19), (1_200, 7), (1_415, 20)] },
        place: Place::Mid,
        columns: &[
            ("transaction_id", Cell::Id),
            ("payment_card_type", Cell::Label),
            ("payment_card_first_six", Cell::FirstSix),
            ("payment_card_last_four", Cell::LastFour),
            ("amount", Cell::Bill),
            ("gratuity_amount", Cell::Tip),
            ("currency_code", Cell::Currency),
            ("auth_code", Cell::Code),
            ("date", Cell::LondonIso),
            ("merchant_identifier", Cell::Place),
            ("retailer_location_id", Cell::Store),
        ],
        id: ["TGI-", "-"],
        hash: &[Cell::LondonIso, Cell::Place, Cell::Bill, Cell::Id, Cell::Tip],
        labels: LOOSE_LABELS,
        declined: &[],
        nul_receipts: false,
        minimum: 0,
        amount_first: false,
        first_six_may_lack: true,
    }),
};

const SLIM_CHICKENS: Merchant = Merchant {
    slug: "slim-chickens",
    share: 4,
    route: Route::Spotted { refunds: false },
    visa_in_london: false,
    pence: (760, 4_400),
    names: ["SLIM CHICKENS", "PSSLIMCH01", "AGGSLI"],
    store: "SC-",
    members: ("SLIM", 120_001),
    till: Some(Till {
        by: By::Message,
        place: Place::Location,
        columns: &[
            ("transaction_id", Cell::Id),
            ("payment_card_type", Cell::Label),
            ("payment_card_last_four", Cell::LastFour),
            ("amount", Cell::Pence),
            ("currency_code", Cell::Currency),
            ("auth_code", Cell::Code),
            ("date", Cell::TypedUtc),
            ("retailer_location_id", Cell::Place),
        ],
        id: ["SC-", "-"],
        hash: &[],
        labels: [
            &["Visa Debit", "visa", "VISA"],
            &["Debit Mastercard", "mastercard"],
            // not a card it takes
            &["Amex"],
            &["Amex", "Visa Electron", "Maestro"],
        ],
        declined: &[],
        nul_receipts: false,
        minimum: 750,
        amount_first: false,
        first_six_may_lack: false,
    }),
};

/// A merchant without till feed.
const fn without_till(
    slug: &'static str,
    route: Route,
    names: [&'static str; 3],
    store: &'static str,
    members: (&'static str, usize),
) -> Merchant {
    Merchant { slug, share: 0, route, visa_in_london: false, pence: (240, 6_400), names, store, members, till: None }
}

const VIATOR: Merchant = without_till(
    "bpl-viator",
    Route::Spotted { refunds: true },
    ["VIATOR", "PSVIATOR01", "AGGVIA"],
    "VI",
    ("BPLV", 410_001),
);
const TRENETTE: Merchant = without_till(
    "bpl-trenette",
    Route::Spotted { refunds: true },
    ["TRENETTE", "PSTRENET01", "AGGTRE"],
    "TR",
    ("BPLT", 420_001),
);
const CORTADO: Merchant = without_till(
    "bpl-cortado",
    Route::Spotted { refunds: true },
    ["CORTADO", "PSCORTAD01", "AGGCOR"],
    "CO",
    ("BPLC", 430_001),
);
const THE_WORKS: Merchant = Merchant {
    visa_in_london: true,
    ..without_till(
        "the-works",
        Route::Spotted { refunds: true },
        ["THE WORKS", "PSTHEWOR01", "AGGTHE"],
        "TW",
        ("63", 3_300_001),
    )
};
const SQUAREMEAL: Merchant =
    without_till("squaremeal", Route::Streamed, ["SQUAREMEAL", "PSSQUARE01", "AGGSQU"], "SQ", ("SQM", 770_001));

/// All merchants. A merchant's place is part of its tills' numbers.
pub(crate) static ALL: [Merchant; 12] = [
    ICELAND,
    WASABI,
    COSTA,
    ITSU,
    STONEGATE,
    TGI_FRIDAYS,
    SLIM_CHICKENS,
    VIATOR,
    TRENETTE,
    CORTADO,
    THE_WORKS,
    SQUAREMEAL,
];

/// Those whose payments are matched with sales.
pub(crate) fn loyalty() -> impl Iterator<Item = &'static Merchant> {
    ALL.iter().filter(|merchant| merchant.rules().is_some())
}

/// Those of which purchases or lines are told by themselves.
pub(crate) fn without_sales() -> impl Iterator<Item = &'static Merchant> {
    ALL.iter().filter(|merchant| merchant.rules().is_none())
}

/// Those with a till feed.
pub(crate) fn with_till() -> impl Iterator<Item = (&'static Merchant, &'static Till)> {
    ALL.iter().filter_map(|merchant| Some((merchant, merchant.till.as_ref()?)))
}
