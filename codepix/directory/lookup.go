package directory

import (
	"context"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

// LookUp asks which account a key belongs to.
type LookUp struct {
	// Kind is 0 if it follows from the key.
	Kind key.Kind
	Text string
	// Customer is who asks: the UUID of the account that would pay, or empty for the bank itself.
	Customer string
}

// Answer is what a look-up finds.
type Answer struct {
	Entry Entry
	// TokensLeft is what the smaller of the two buckets has left.
	TokensLeft int64
}

// LookUpKey answers the account that a key belongs to. What is no key says nothing about anybody, so it costs
// nothing. Errors: InvalidArgument kind, key, customer_id; ErrNoKey; ErrNoTokens.
func (s *Service) LookUpKey(ctx context.Context, bankCode string, request LookUp) (Answer, error) {
	wanted, err := parseKey(request.Kind, request.Text)
	if err != nil {
		return Answer{}, err
	}
	if err := field.OptionalWord("customer_id", request.Customer); err != nil {
		return Answer{}, fault.Invalid("customer_id", "A customer is at most 64 characters out of A-Z a-z 0-9 . _ : -")
	}
	return s.guard.lookUp(ctx, wanted, BucketName{BankCode: bankCode, Customer: request.Customer})
}

// Initiated gives a token back to who pays. It is called once for each payment that was initiated, and does not
// block.
func (s *Service) Initiated(bankCode, accountID string) {
	s.guard.putBack(BucketName{BankCode: bankCode, Customer: accountID})
}
