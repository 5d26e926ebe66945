package bank

// PrincipalKind says on whose behalf a request was made. The numbers are stored: append only.
type PrincipalKind uint8

// The kinds of principal. The zero kind is that of a request from before principals were recorded.
const (
	// PrincipalUser is a customer, who sees and moves only accounts of his own.
	PrincipalUser PrincipalKind = iota + 1
	// PrincipalService is a program that acts for itself, such as a shop's checkout.
	PrincipalService
	// PrincipalMerchant is a merchant, who gives back only what was paid to him.
	PrincipalMerchant
	// PrincipalOperator is somebody who works for the bank.
	PrincipalOperator
	// PrincipalNobody is the bank itself, such as when a hold expires.
	PrincipalNobody
)

var principalNames = [...]string{"", "USER", "SERVICE", "MERCHANT", "OPERATOR", "NOBODY"}

// String returns the kind as the event names it, or "" for none.
func (k PrincipalKind) String() string { return nameOf(principalNames[:], int(k)) }

// Principal is who asks. The edge derives it from what a call proves or claims; commands decide by it
// what the request may do.
type Principal struct {
	Kind PrincipalKind
	// CustomerID is the customer of a PrincipalUser.
	CustomerID ID
	// MerchantID is the merchant of a PrincipalMerchant.
	MerchantID string
}

// Is reports whether the principal is the customer.
func (p *Principal) Is(customer ID) bool {
	return p.Kind == PrincipalUser && !p.CustomerID.IsZero() && p.CustomerID == customer
}

// Owns reports whether the principal may see and move the account: a user only an account of his own, a
// merchant none, everybody else any.
func (p *Principal) Owns(account *Account) bool { return p.MaySee(account.CustomerID) }

// MaySee is Owns for the customer of an account.
func (p *Principal) MaySee(customer ID) bool {
	switch p.Kind {
	case PrincipalUser:
		return p.Is(customer)
	case PrincipalMerchant:
		return false
	}
	return true
}
