// Package rpc serves bank.v1 over gRPC. It turns messages into requests of the use cases and their
// outcomes into messages. It decides nothing.
package rpc

import (
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/pan"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The names of resources are a prefix and a UUID.
const (
	cardPrefix     = "cards/"
	accountPrefix  = "accounts/"
	purchasePrefix = "purchases/"
	reversalPrefix = "reversals/"
	capturePrefix  = "captures/"

	transactionPrefix = "transactions/"
)

func name(prefix string, id bank.ID) string {
	if id.IsZero() {
		return ""
	}
	return prefix + id.String()
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

// brands, channels and reasons map the enums of the contract to those of the domain. A test ensures
// that they are complete.
var (
	brands = map[bankv1.CardBrand]pan.Brand{
		bankv1.CardBrand_CARD_BRAND_UNSPECIFIED: pan.BrandUnknown,
		bankv1.CardBrand_CARD_BRAND_VISA:        pan.Visa,
		bankv1.CardBrand_CARD_BRAND_MASTERCARD:  pan.Mastercard,
		bankv1.CardBrand_CARD_BRAND_AMEX:        pan.Amex,
		bankv1.CardBrand_CARD_BRAND_ELO:         pan.Elo,
		bankv1.CardBrand_CARD_BRAND_HIPERCARD:   pan.Hipercard,
		bankv1.CardBrand_CARD_BRAND_DISCOVER:    pan.Discover,
		bankv1.CardBrand_CARD_BRAND_DINERS:      pan.Diners,
		bankv1.CardBrand_CARD_BRAND_JCB:         pan.JCB,
	}
	brandNames = inverse(brands)

	channels = map[bankv1.Channel]bank.Channel{
		bankv1.Channel_CHANNEL_UNSPECIFIED:       bank.ChannelUnknown,
		bankv1.Channel_CHANNEL_ECOMMERCE:         bank.ChannelECommerce,
		bankv1.Channel_CHANNEL_POINT_OF_SALE:     bank.ChannelPointOfSale,
		bankv1.Channel_CHANNEL_RECURRING:         bank.ChannelRecurring,
		bankv1.Channel_CHANNEL_MAIL_OR_TELEPHONE: bank.ChannelMailOrTelephone,
	}
	channelNames = inverse(channels)

	reasons = map[bank.DeclineReason]bankv1.DeclineReason{
		bank.UnknownCard:        bankv1.DeclineReason_DECLINE_REASON_UNKNOWN_CARD,
		bank.NameMismatch:       bankv1.DeclineReason_DECLINE_REASON_NAME_MISMATCH,
		bank.ExpiryMismatch:     bankv1.DeclineReason_DECLINE_REASON_EXPIRY_MISMATCH,
		bank.CVVMismatch:        bankv1.DeclineReason_DECLINE_REASON_CVV_MISMATCH,
		bank.Expired:            bankv1.DeclineReason_DECLINE_REASON_EXPIRED,
		bank.Blocked:            bankv1.DeclineReason_DECLINE_REASON_BLOCKED,
		bank.Locked:             bankv1.DeclineReason_DECLINE_REASON_LOCKED,
		bank.InsufficientFunds:  bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS,
		bank.OverPurchaseLimit:  bankv1.DeclineReason_DECLINE_REASON_OVER_PURCHASE_LIMIT,
		bank.TooFrequent:        bankv1.DeclineReason_DECLINE_REASON_TOO_FREQUENT,
		bank.AmountBelowMinimum: bankv1.DeclineReason_DECLINE_REASON_AMOUNT_BELOW_MINIMUM,
		bank.AccountClosed:      bankv1.DeclineReason_DECLINE_REASON_ACCOUNT_CLOSED,
	}

	statuses = map[bank.Status]bankv1.PurchaseStatus{
		bank.Approved: bankv1.PurchaseStatus_PURCHASE_STATUS_APPROVED,
		bank.Declined: bankv1.PurchaseStatus_PURCHASE_STATUS_DECLINED,
		bank.Voided:   bankv1.PurchaseStatus_PURCHASE_STATUS_VOIDED,
	}
)

func inverse[A, B comparable](table map[A]B) map[B]A {
	turned := make(map[B]A, len(table))
	for a, b := range table {
		turned[b] = a
	}
	return turned
}

// requestTime returns the time that a request names, or the zero time when it names none.
func requestTime(named *timestamppb.Timestamp) (time.Time, error) {
	if named == nil {
		return time.Time{}, nil
	}
	// The domain takes the first moment of the year 1 for "no time named".
	if !named.IsValid() || named.AsTime().IsZero() {
		return time.Time{}, fault.Invalid("request_time", "A request cannot have been made at this time.")
	}
	return named.AsTime(), nil
}

// rawCardData returns the data as the caller wrote it, unchecked; nil stays nil.
func rawCardData(data *bankv1.CardData) *field.RawCardData {
	if data == nil {
		return nil
	}
	return &field.RawCardData{
		Number:      data.GetNumber(),
		HolderName:  data.GetHolderName(),
		CVV:         data.GetCvv(),
		ExpiryMonth: int(data.GetExpiryMonth()),
		ExpiryYear:  int(data.GetExpiryYear()),
	}
}
