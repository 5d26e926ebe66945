package event

// The enums of the event, with the symbols of the newest schema in its order. A reader
// gets UNKNOWN for a symbol that is newer than the reader.

// Kind says what moved money on the account, or changed the account.
type Kind string

// The kinds of events.
const (
	KindUnknown     Kind = "UNKNOWN"
	KindOpening     Kind = "OPENING"
	KindLimitChange Kind = "LIMIT_CHANGE"
	KindPurchase    Kind = "PURCHASE"
	KindReversal    Kind = "REVERSAL"
	KindDeposit     Kind = "DEPOSIT"
	KindWithdrawal  Kind = "WITHDRAWAL"
	KindTransfer    Kind = "TRANSFER"
	KindHold        Kind = "HOLD"
	KindCapture     Kind = "CAPTURE"
	KindVoid        Kind = "VOID"
	KindExpiry      Kind = "EXPIRY"
	KindPixOut      Kind = "PIX_OUT"
	KindPixIn       Kind = "PIX_IN"
	KindPixReturn   Kind = "PIX_RETURN"
	KindClosing     Kind = "CLOSING" // since version 3
)

// Direction is the direction of money, seen from the customer account. A decline keeps
// the direction that the movement would have had. NONE is the direction of events that
// move no money.
type Direction string

// The directions of money.
const (
	DirectionUnknown Direction = "UNKNOWN"
	DirectionDebit   Direction = "DEBIT"
	DirectionCredit  Direction = "CREDIT"
	DirectionNone    Direction = "NONE"
)

// Status is the decision. An event without a decision (an opening, a limit change) has
// the status APPLIED.
type Status string

// The statuses of events.
const (
	StatusUnknown  Status = "UNKNOWN"
	StatusApproved Status = "APPROVED"
	StatusDeclined Status = "DECLINED"
	StatusApplied  Status = "APPLIED"
)

// DeclineReason is the reason of a decline. It is null (empty) unless the status is
// DECLINED.
type DeclineReason string

// The reasons to decline.
const (
	DeclineUnknown            DeclineReason = "UNKNOWN"
	DeclineUnknownCard        DeclineReason = "UNKNOWN_CARD"
	DeclineNameMismatch       DeclineReason = "NAME_MISMATCH"
	DeclineExpiryMismatch     DeclineReason = "EXPIRY_MISMATCH"
	DeclineCVVMismatch        DeclineReason = "CVV_MISMATCH"
	DeclineExpired            DeclineReason = "EXPIRED"
	DeclineBlocked            DeclineReason = "BLOCKED"
	DeclineLocked             DeclineReason = "LOCKED"
	DeclineInsufficientFunds  DeclineReason = "INSUFFICIENT_FUNDS"
	DeclineOverPurchaseLimit  DeclineReason = "OVER_PURCHASE_LIMIT"
	DeclineTooFrequent        DeclineReason = "TOO_FREQUENT"
	DeclineAmountBelowMinimum DeclineReason = "AMOUNT_BELOW_MINIMUM"
	DeclineAccountClosed      DeclineReason = "ACCOUNT_CLOSED" // since version 3
)

// CardBrand is the card scheme. It is null (empty) if no card is known.
type CardBrand string

// The card brands.
const (
	CardBrandUnknown    CardBrand = "UNKNOWN"
	CardBrandVisa       CardBrand = "VISA"
	CardBrandMastercard CardBrand = "MASTERCARD"
	CardBrandAmex       CardBrand = "AMEX"
	CardBrandElo        CardBrand = "ELO"
	CardBrandHipercard  CardBrand = "HIPERCARD"
	CardBrandDiscover   CardBrand = "DISCOVER"
	CardBrandDiners     CardBrand = "DINERS"
	CardBrandJCB        CardBrand = "JCB"
)

// Channel is the channel by which the command reached the bank.
type Channel string

// The channels.
const (
	ChannelUnknown         Channel = "UNKNOWN"
	ChannelEcommerce       Channel = "ECOMMERCE"
	ChannelPointOfSale     Channel = "POINT_OF_SALE"
	ChannelRecurring       Channel = "RECURRING"
	ChannelMailOrTelephone Channel = "MAIL_OR_TELEPHONE"
	ChannelBranch          Channel = "BRANCH"
	ChannelAPI             Channel = "API"
)

// CardUse says whether the card had an approved purchase before this one. It is null
// (empty) if the event is not a purchase with a card of the bank.
type CardUse string

// The uses of a card.
const (
	CardUseUnknown CardUse = "UNKNOWN"
	// CardUseFirst is an attempt before the card's first approved purchase.
	CardUseFirst CardUse = "FIRST"
	CardUseLater CardUse = "LATER"
)

// RiskRule is the rule that set the risk score of a purchase. It is null (empty) if the
// event is not a purchase.
type RiskRule string

// The risk rules.
const (
	RiskRuleUnknown RiskRule = "UNKNOWN"
	// RiskRuleNone belongs to the score 0: no rule applied.
	RiskRuleNone        RiskRule = "NONE"
	RiskRuleCardTesting RiskRule = "CARD_TESTING"
	RiskRuleVelocity    RiskRule = "VELOCITY"
)

// Relation says how the amount of an event counts towards the transaction that
// OriginalTransactionID refers to. It is null (empty) if it does not count.
type Relation string

// The relations.
const (
	RelationUnknown   Relation = "UNKNOWN"
	RelationGivenBack Relation = "GIVEN_BACK"
	RelationCaptured  Relation = "CAPTURED"
	RelationReleased  Relation = "RELEASED"
)

// AccountKind is the kind of the account. It is null (empty) if there is no account.
type AccountKind string

// The kinds of accounts.
const (
	AccountKindUnknown AccountKind = "UNKNOWN"
	AccountKindCard    AccountKind = "CARD"
	AccountKindWallet  AccountKind = "WALLET"
)

// PrincipalKind says on whose behalf the request was made.
type PrincipalKind string

// The kinds of principals.
const (
	PrincipalKindUnknown  PrincipalKind = "UNKNOWN"
	PrincipalKindUser     PrincipalKind = "USER"
	PrincipalKindService  PrincipalKind = "SERVICE"
	PrincipalKindMerchant PrincipalKind = "MERCHANT"
	PrincipalKindOperator PrincipalKind = "OPERATOR"
	// PrincipalKindNobody is the bank itself, such as when a hold expires.
	PrincipalKindNobody PrincipalKind = "NOBODY"
)

// Mode says whether a payment is real.
type Mode string

// The modes.
const (
	ModeUnknown Mode = "UNKNOWN"
	ModeLive    Mode = "LIVE"
	ModeTest    Mode = "TEST"
)

// The position of a symbol is its number on the wire. A test compares these lists with
// the schema. A new version only appends symbols.
var (
	kindSymbols = []string{
		string(KindUnknown), string(KindOpening), string(KindLimitChange), string(KindPurchase),
		string(KindReversal), string(KindDeposit), string(KindWithdrawal), string(KindTransfer),
		string(KindHold), string(KindCapture), string(KindVoid), string(KindExpiry),
		string(KindPixOut), string(KindPixIn), string(KindPixReturn), string(KindClosing),
	}
	directionSymbols = []string{
		string(DirectionUnknown), string(DirectionDebit), string(DirectionCredit), string(DirectionNone),
	}
	statusSymbols = []string{
		string(StatusUnknown), string(StatusApproved), string(StatusDeclined), string(StatusApplied),
	}
	declineReasonSymbols = []string{
		string(DeclineUnknown), string(DeclineUnknownCard), string(DeclineNameMismatch),
		string(DeclineExpiryMismatch), string(DeclineCVVMismatch), string(DeclineExpired),
		string(DeclineBlocked), string(DeclineLocked), string(DeclineInsufficientFunds),
		string(DeclineOverPurchaseLimit), string(DeclineTooFrequent), string(DeclineAmountBelowMinimum),
		string(DeclineAccountClosed),
	}
	cardBrandSymbols = []string{
		string(CardBrandUnknown), string(CardBrandVisa), string(CardBrandMastercard),
		string(CardBrandAmex), string(CardBrandElo), string(CardBrandHipercard),
		string(CardBrandDiscover), string(CardBrandDiners), string(CardBrandJCB),
	}
	channelSymbols = []string{
		string(ChannelUnknown), string(ChannelEcommerce), string(ChannelPointOfSale),
		string(ChannelRecurring), string(ChannelMailOrTelephone), string(ChannelBranch), string(ChannelAPI),
	}
	cardUseSymbols  = []string{string(CardUseUnknown), string(CardUseFirst), string(CardUseLater)}
	riskRuleSymbols = []string{
		string(RiskRuleUnknown), string(RiskRuleNone), string(RiskRuleCardTesting), string(RiskRuleVelocity),
	}
	relationSymbols = []string{
		string(RelationUnknown), string(RelationGivenBack), string(RelationCaptured), string(RelationReleased),
	}
	accountKindSymbols   = []string{string(AccountKindUnknown), string(AccountKindCard), string(AccountKindWallet)}
	principalKindSymbols = []string{
		string(PrincipalKindUnknown), string(PrincipalKindUser), string(PrincipalKindService),
		string(PrincipalKindMerchant), string(PrincipalKindOperator), string(PrincipalKindNobody),
	}
	modeSymbols = []string{string(ModeUnknown), string(ModeLive), string(ModeTest)}
)
