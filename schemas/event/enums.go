package event

// The enums of the event, with the symbols of the newest schema in its order.
// UNKNOWN is what a reader sees for a symbol that was added after its time.

// Kind is what moved, or changed, the account.
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
)

// Direction is seen from the customer account. A decline keeps the direction it
// would have had; NONE is for what moves no money.
type Direction string

// The directions of money.
const (
	DirectionUnknown Direction = "UNKNOWN"
	DirectionDebit   Direction = "DEBIT"
	DirectionCredit  Direction = "CREDIT"
	DirectionNone    Direction = "NONE"
)

// Status is what was decided; APPLIED is for what is no decision (an opening, a
// limit change).
type Status string

// The statuses of events.
const (
	StatusUnknown  Status = "UNKNOWN"
	StatusApproved Status = "APPROVED"
	StatusDeclined Status = "DECLINED"
	StatusApplied  Status = "APPLIED"
)

// DeclineReason says why; null (empty) unless the status is DECLINED.
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
)

// CardBrand is the scheme a card belongs to; null (empty) when no card is known.
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

// Channel is how the command reached the bank.
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

// CardUse says whether a purchase was attempted with a card that had been used
// before; null (empty) when the event is no purchase with a card of the bank.
type CardUse string

// The uses of a card.
const (
	CardUseUnknown CardUse = "UNKNOWN"
	// CardUseFirst is an attempt before the card's first approved purchase was made.
	CardUseFirst CardUse = "FIRST"
	CardUseLater CardUse = "LATER"
)

// RiskRule is the rule that gave a purchase its risk score; null (empty) for what
// is no purchase.
type RiskRule string

// The rules of risk.
const (
	RiskRuleUnknown RiskRule = "UNKNOWN"
	// RiskRuleNone goes with the score 0: nothing was seen.
	RiskRuleNone        RiskRule = "NONE"
	RiskRuleCardTesting RiskRule = "CARD_TESTING"
	RiskRuleVelocity    RiskRule = "VELOCITY"
)

// The position of a symbol is its number on the wire. A test holds these lists
// against the schema; a new version only appends.
var (
	kindSymbols = []string{
		string(KindUnknown), string(KindOpening), string(KindLimitChange), string(KindPurchase),
		string(KindReversal), string(KindDeposit), string(KindWithdrawal), string(KindTransfer),
		string(KindHold), string(KindCapture), string(KindVoid), string(KindExpiry),
		string(KindPixOut), string(KindPixIn), string(KindPixReturn),
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
)
