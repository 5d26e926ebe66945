package rpc

import (
	"context"
	"net/netip"

	"codebank.dev/bank"
	"codebank.dev/bank/customer"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
)

const (
	customerPrefix = "customers/"
	userPrefix     = "users/"
)

// Customers serves bank.v1.CustomerService.
type Customers struct {
	bankv1.UnimplementedCustomerServiceServer
	// Service is the use case; required.
	Service *customer.Service
	// Principals says who asks; required.
	Principals *Principals
	// Address says where a call comes from; required.
	Address func(context.Context) netip.Addr
}

var _ bankv1.CustomerServiceServer = (*Customers)(nil)

// LinkCustomer implements bankv1.CustomerServiceServer.
func (c *Customers) LinkCustomer(ctx context.Context, in *bankv1.LinkCustomerRequest) (*bankv1.LinkCustomerResponse, error) {
	actor, isOperator := c.Principals.actor(ctx, c.Address)
	if !isOperator {
		return nil, errIssuer
	}
	link, err := c.Service.Link(ctx, customer.LinkRequest{Customer: in.GetCustomer(), User: in.GetUser(), Actor: actor})
	if err != nil {
		return nil, err
	}
	return &bankv1.LinkCustomerResponse{Customer: customerMessage(&link)}, nil
}

// GetCustomer implements bankv1.CustomerServiceServer.
func (c *Customers) GetCustomer(ctx context.Context, in *bankv1.GetCustomerRequest) (*bankv1.GetCustomerResponse, error) {
	link, err := c.Service.Get(ctx, in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetCustomerResponse{Customer: customerMessage(&link)}, nil
}

func customerMessage(link *bank.CustomerLink) *bankv1.Customer {
	return &bankv1.Customer{
		Name: name(customerPrefix, link.CustomerID), User: name(userPrefix, link.UserID),
		LinkTime: timestamp(link.LinkedAt), LinkedBy: link.LinkedBy,
	}
}
