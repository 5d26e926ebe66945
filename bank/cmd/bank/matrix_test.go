package main

import (
	"context"
	"testing"

	"codebank.dev/bank/brcode"
	"codebank.dev/platform/wallstest"
	"codebank.dev/schemas/command"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// estate is what the requests of the matrix name: all of it is Ada's, by a customer that was linked to her.
type estate struct {
	*testing.T
	customer, wallet, bobs string
	// pix is a payment that came to Ada's wallet, and code one of its codes.
	pix  string
	code string
	card *bankv1.IssueCardResponse
	// operator and service are connections of those programs; ada and bob sign in.
	operator, service, nobody *grpc.ClientConn
	ada, bob                  func(context.Context) context.Context
}

func newEstate(t *testing.T, m *wallstest.Matrix, h *hub) *estate {
	t.Helper()
	signed := func(user string) func(context.Context) context.Context {
		text := m.Kit.Customer(t, user)
		return func(ctx context.Context) context.Context { return wallstest.WithToken(ctx, text) }
	}
	e := &estate{
		T: t, customer: uuid.NewString(), ada: signed(m.Owner), bob: signed(m.Other),
		operator: m.Kit.Dial(t, m.GRPC, m.Operator), service: m.Kit.Dial(t, m.GRPC, m.Service), nobody: m.Kit.Dial(t, m.GRPC, ""),
	}
	_, err := bankv1.NewCustomerServiceClient(e.operator).LinkCustomer(t.Context(), e.link(m.Owner))
	require.NoError(t, err)
	e.card, err = bankv1.NewCardServiceClient(e.operator).IssueCard(t.Context(), e.issue())
	require.NoError(t, err)
	e.wallet, e.bobs = e.open(e.customer, 100_000), e.open(m.Other, 100_000)
	_, err = bankv1.NewPixServiceClient(e.operator).RegisterHolder(t.Context(), e.holder())
	require.NoError(t, err)
	e.code = e.newCode()
	came := arriving(e.wallet)
	e.pix = "pix/" + came.EndToEndID
	h.say(came)
	h.hears(command.PixConfirmed, came.EndToEndID)
	return e
}

func (e *estate) holder() *bankv1.RegisterHolderRequest {
	return &bankv1.RegisterHolderRequest{Customer: "customers/" + e.customer, FullName: "Ada Lovelace", Document: "52998224725"}
}

// newCode registers a key of the wallet and makes a code with it.
func (e *estate) newCode() string {
	service := bankv1.NewPixServiceClient(e.operator)
	_, err := service.CreateKey(e.Context(), &bankv1.CreateKeyRequest{
		RequestId: uuid.NewString(), Account: e.wallet, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM,
	})
	require.NoError(e, err)
	created, err := service.CreatePixCode(e.Context(), &bankv1.CreatePixCodeRequest{
		RequestId: uuid.NewString(), Account: e.wallet, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC, AmountMinor: 700, Currency: "BRL",
	})
	require.NoError(e, err)
	return created.GetCode().GetName()
}

// brunasCode is a code of another bank.
func (e *estate) brunasCode() string {
	text, err := brcode.Make(&brcode.Code{Key: brunasKey, Name: "Bruna", City: "OLINDA", AmountMinor: 700, TxID: "invoice7"})
	require.NoError(e, err)
	return text
}

func (e *estate) link(user string) *bankv1.LinkCustomerRequest {
	return &bankv1.LinkCustomerRequest{Customer: "customers/" + e.customer, User: "users/" + user}
}

func (e *estate) issue() *bankv1.IssueCardRequest {
	return &bankv1.IssueCardRequest{
		RequestId: uuid.NewString(), CustomerId: e.customer, HolderName: "ADA LOVELACE", Currency: "BRL", CreditLimitMinor: 1_000_000,
	}
}

// open opens a wallet for a customer.
func (e *estate) open(customer string, deposit int64) string {
	opened, err := bankv1.NewWalletServiceClient(e.operator).OpenAccount(e.Context(), &bankv1.OpenAccountRequest{
		RequestId: uuid.NewString(), CustomerId: customer, Currency: "BRL", OpeningDepositMinor: deposit,
	})
	require.NoError(e, err)
	return opened.GetAccount().GetName()
}

var books = &bankv1.Merchant{Id: "m1", Name: "Books"}

func (e *estate) buy(later bool) *bankv1.AuthorizePurchaseRequest {
	return &bankv1.AuthorizePurchaseRequest{
		RequestId: uuid.NewString(), AmountMinor: 10, Currency: "BRL", Merchant: books, CaptureLater: later,
		CardSource: &bankv1.AuthorizePurchaseRequest_Card{Card: e.card.GetCard().GetName()},
	}
}

// bought is a purchase that the service has asked for.
func (e *estate) bought(later bool) string {
	answer, err := bankv1.NewPurchaseServiceClient(e.service).AuthorizePurchase(e.Context(), e.buy(later))
	require.NoError(e, err)
	require.Nil(e, answer.GetPurchase().GetDecline())
	return answer.GetPurchase().GetName()
}

func (e *estate) transfer(from, to string) *bankv1.TransferRequest {
	return &bankv1.TransferRequest{RequestId: uuid.NewString(), Source: from, Destination: to, AmountMinor: 1, Currency: "BRL"}
}

// received is a transfer that Ada has got from Bob.
func (e *estate) received() string {
	moved, err := bankv1.NewWalletServiceClient(e.nobody).Transfer(e.bob(e.Context()), e.transfer(e.bobs, e.wallet))
	require.NoError(e, err)
	return moved.GetTransaction().GetName()
}

func (e *estate) hold() *bankv1.PlaceHoldRequest {
	return &bankv1.PlaceHoldRequest{RequestId: uuid.NewString(), Account: e.wallet, AmountMinor: 1, Currency: "BRL", Merchant: books}
}

// held is a hold that Ada has placed.
func (e *estate) held() string {
	placed, err := bankv1.NewWalletServiceClient(e.nobody).PlaceHold(e.ada(e.Context()), e.hold())
	require.NoError(e, err)
	return placed.GetTransaction().GetName()
}

// cells are those of a method: of the owner and another customer, of an acquirer and the loader of a history,
// and of an operator. Those of a service that is not listed, of nobody and of tokens that are not right are the
// same for every method: nothing of the bank is for them.
type cells struct {
	method                               string
	customers, acquirer, loader, manager string
	request                              func() proto.Message
}

func (c cells) row(ofService string) wallstest.Row {
	return wallstest.Row{
		Method: c.method, Request: func(wallstest.Caller) proto.Message { return c.request() },
		Cells: c.customers + " " + ofService + " 403 " + c.manager + " 401 401 401 401 401 401 401 403",
	}
}

func (e *estate) cells(owner string) []cells {
	id := uuid.NewString
	card, account := e.card.GetCard().GetName(), e.card.GetCard().GetAccount()
	token := &bankv1.CreateCardTokenRequest{CardData: e.card.GetCardData()}
	return []cells{
		{bankv1.CardService_IssueCard_FullMethodName, "403 403", "403", "200", "200", func() proto.Message { return e.issue() }},
		{bankv1.CardService_GetCard_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.GetCardRequest{Name: card} }},
		{bankv1.CardService_BlockCard_FullMethodName, "200 404", "403", "200", "200", func() proto.Message {
			return &bankv1.BlockCardRequest{Name: e.spare()}
		}},
		{bankv1.CardService_UnblockCard_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.UnblockCardRequest{Name: card} }},
		{bankv1.CardService_ChangeLimit_FullMethodName, "403 403", "403", "403", "200", func() proto.Message {
			return &bankv1.ChangeLimitRequest{RequestId: id(), Name: card, CreditLimitMinor: 1_000_000}
		}},
		{bankv1.CardService_CreateCardToken_FullMethodName, "403 403", "200", "200", "403", func() proto.Message { return token }},
		{bankv1.CardService_BatchCreateCardTokens_FullMethodName, "403 403", "200", "200", "403", func() proto.Message {
			return &bankv1.BatchCreateCardTokensRequest{Requests: []*bankv1.CreateCardTokenRequest{token}}
		}},
		{bankv1.CardService_GetAccount_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.GetAccountRequest{Name: account} }},

		{bankv1.CustomerService_LinkCustomer_FullMethodName, "403 403", "403", "403", "200", func() proto.Message { return e.link(owner) }},
		{bankv1.CustomerService_GetCustomer_FullMethodName, "403 403", "403", "403", "200", func() proto.Message {
			return &bankv1.GetCustomerRequest{Name: "customers/" + e.customer}
		}},

		{bankv1.PixService_RegisterHolder_FullMethodName, "403 403", "403", "403", "200", func() proto.Message { return e.holder() }},
		{bankv1.PixService_CreateKey_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.CreateKeyRequest{RequestId: id(), Account: e.wallet, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM}
		}},
		{bankv1.PixService_ConfirmKey_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.ConfirmKeyRequest{Account: e.wallet, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ada@example.com"}
		}},
		{bankv1.PixService_ListKeys_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.ListKeysRequest{Account: e.wallet} }},
		{bankv1.PixService_DeleteKey_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.DeleteKeyRequest{RequestId: id(), Account: e.wallet, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ada@example.com"}
		}},
		{bankv1.PixService_LookUpKey_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.LookUpKeyRequest{Account: e.wallet, Key: brunasKey}
		}},
		{bankv1.PixService_CreateClaim_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.CreateClaimRequest{RequestId: id(), Account: e.wallet, Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "bruna@example.com"}
		}},
		{bankv1.PixService_EndClaim_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.EndClaimRequest{Name: claimOf("").GetName(), Account: e.wallet, End: bankv1.PixClaimEnd_PIX_CLAIM_END_CANCEL}
		}},
		{bankv1.PixService_ListClaims_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.ListClaimsRequest{Account: e.wallet} }},
		{bankv1.PixService_CreatePixCode_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.CreatePixCodeRequest{RequestId: id(), Account: e.wallet, Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, Currency: "BRL"}
		}},
		{bankv1.PixService_GetPixCode_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.GetPixCodeRequest{Name: e.code} }},
		{bankv1.PixService_ListPixCodes_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.ListPixCodesRequest{Account: e.wallet}
		}},
		{bankv1.PixService_CancelPixCode_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.CancelPixCodeRequest{Name: e.code}
		}},
		{bankv1.PixService_GetPixCodePicture_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.GetPixCodePictureRequest{Name: e.code}
		}},
		{bankv1.PixService_ParsePixCode_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.ParsePixCodeRequest{Account: e.wallet, Code: e.brunasCode()}
		}},
		{bankv1.PixService_SendPix_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return sendPix(e.wallet, id()) }},
		{bankv1.PixService_GetPix_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.GetPixRequest{Name: e.pix} }},
		{bankv1.PixService_ListPix_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.ListPixRequest{Account: e.wallet} }},
		{bankv1.PixService_ReturnPix_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.ReturnPixRequest{RequestId: id(), Name: e.pix, AmountMinor: 1}
		}},
		{bankv1.PixService_ResolvePix_FullMethodName, "403 403", "403", "403", "200", func() proto.Message { return &bankv1.ResolvePixRequest{Name: e.pix} }},
		{bankv1.PixService_ReconcileKeys_FullMethodName, "403 403", "403", "403", "200", func() proto.Message { return &bankv1.ReconcileKeysRequest{} }},

		{bankv1.PurchaseService_AuthorizePurchase_FullMethodName, "403 403", "200", "200", "200", func() proto.Message { return e.buy(false) }},
		{bankv1.PurchaseService_AuthorizePurchases_FullMethodName, "403 403", "200", "200", "200", func() proto.Message {
			return &bankv1.AuthorizePurchasesRequest{Purchases: []*bankv1.AuthorizePurchaseRequest{e.buy(false)}}
		}},
		{bankv1.PurchaseService_CapturePurchase_FullMethodName, "403 403", "200", "200", "200", func() proto.Message {
			return &bankv1.CapturePurchaseRequest{RequestId: id(), Name: e.bought(true)}
		}},
		{bankv1.PurchaseService_VoidPurchase_FullMethodName, "403 403", "200", "200", "200", func() proto.Message { return &bankv1.VoidPurchaseRequest{RequestId: id()} }},
		{bankv1.PurchaseService_ReversePurchase_FullMethodName, "403 403", "200", "200", "200", func() proto.Message {
			return &bankv1.ReversePurchaseRequest{RequestId: id(), Name: e.bought(false)}
		}},
		{bankv1.PurchaseService_GetPurchase_FullMethodName, "200 404", "200", "200", "200", func() proto.Message {
			return &bankv1.GetPurchaseRequest{Name: e.bought(false)}
		}},

		{bankv1.WalletService_OpenAccount_FullMethodName, "200 404", "403", "200", "200", func() proto.Message {
			return &bankv1.OpenAccountRequest{RequestId: id(), CustomerId: e.customer, Currency: "BRL"}
		}},
		{bankv1.WalletService_ListAccounts_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.ListAccountsRequest{CustomerId: e.customer}
		}},
		{bankv1.WalletService_GetBalance_FullMethodName, "200 404", "403", "403", "200", func() proto.Message { return &bankv1.GetBalanceRequest{Name: e.wallet} }},
		{bankv1.WalletService_CloseAccount_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.CloseAccountRequest{RequestId: id(), Name: e.open(e.customer, 0)}
		}},
		{bankv1.WalletService_Deposit_FullMethodName, "403 403", "403", "200", "200", func() proto.Message {
			return &bankv1.DepositRequest{RequestId: id(), Account: e.wallet, AmountMinor: 1, Currency: "BRL"}
		}},
		{bankv1.WalletService_Withdraw_FullMethodName, "403 403", "403", "200", "200", func() proto.Message {
			return &bankv1.WithdrawRequest{RequestId: id(), Account: e.wallet, AmountMinor: 1, Currency: "BRL"}
		}},
		{bankv1.WalletService_PayOut_FullMethodName, "403 403", "200", "200", "200", func() proto.Message {
			return &bankv1.PayOutRequest{RequestId: id(), Account: e.wallet, AmountMinor: 1, Currency: "BRL", Merchant: books}
		}},
		{bankv1.WalletService_Purchase_FullMethodName, "200 404", "403", "200", "200", func() proto.Message {
			return &bankv1.PurchaseRequest{RequestId: id(), Account: e.wallet, AmountMinor: 1, Currency: "BRL", Merchant: books}
		}},
		{bankv1.WalletService_Transfer_FullMethodName, "200 404", "403", "200", "200", func() proto.Message { return e.transfer(e.wallet, e.bobs) }},
		// Request ids are everybody's own, so everybody may end one that was never used.
		{bankv1.WalletService_Cancel_FullMethodName, "200 200", "403", "403", "200", func() proto.Message { return &bankv1.CancelRequest{RequestId: id()} }},
		{bankv1.WalletService_Reverse_FullMethodName, "200 404", "403", "404", "200", func() proto.Message {
			return &bankv1.ReverseRequest{RequestId: id(), Name: e.received()}
		}},
		{bankv1.WalletService_GetTransaction_FullMethodName, "200 404", "403", "403", "200", func() proto.Message {
			return &bankv1.GetTransactionRequest{Name: e.held()}
		}},
		{bankv1.WalletService_PlaceHold_FullMethodName, "200 404", "403", "200", "200", func() proto.Message { return e.hold() }},
		{bankv1.WalletService_CaptureHold_FullMethodName, "200 404", "403", "404", "200", func() proto.Message {
			return &bankv1.CaptureHoldRequest{RequestId: id(), Name: e.held()}
		}},
		{bankv1.WalletService_VoidHold_FullMethodName, "200 404", "403", "404", "200", func() proto.Message { return &bankv1.VoidHoldRequest{Name: e.held()} }},
	}
}

// spare is a card of Ada's that nothing else needs.
func (e *estate) spare() string {
	issued, err := bankv1.NewCardServiceClient(e.operator).IssueCard(e.Context(), e.issue())
	require.NoError(e, err)
	return issued.GetCard().GetName()
}

// Every method by every kind of caller, over gRPC and over REST.
func TestWhoMayCallWhat(t *testing.T) {
	for service, flag := range map[string]string{"checkout": "--history=false", "history": "--history"} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			w, kit := newWorld(t), wallstest.New(t)
			kit.StartIdentity(t)
			w.kit = kit
			h := newHub(w)
			addresses := w.startBehind(kit, append(h.flags(), "--relay=false", "--operators=operator", flag)...)
			matrix := wallstest.Matrix{
				Kit: kit, GRPC: addresses.GRPC, HTTP: addresses.HTTP, Owner: uuid.NewString(), Other: uuid.NewString(),
				Service: service, Unlisted: "panel", Operator: "operator",
			}
			for _, c := range newEstate(t, &matrix, h).cells(matrix.Owner) {
				ofService := c.acquirer
				if service == "history" {
					ofService = c.loader
				}
				matrix.Rows = append(matrix.Rows, c.row(ofService))
			}
			matrix.Run(t, bankv1.CardService_ServiceDesc, bankv1.CustomerService_ServiceDesc, bankv1.PixService_ServiceDesc, bankv1.PurchaseService_ServiceDesc,
				bankv1.WalletService_ServiceDesc)
		})
	}
}

// The holder and the bank each lift only their own block.
func TestEachSideLiftsItsOwnBlock(t *testing.T) {
	w, kit := newWorld(t), wallstest.New(t)
	w.kit = kit
	h := newHub(w)
	addresses := w.startBehind(kit, append(h.flags(), "--relay=false", "--operators=operator")...)
	e := newEstate(t, &wallstest.Matrix{Kit: kit, GRPC: addresses.GRPC, Owner: uuid.NewString(), Other: uuid.NewString(), Service: "checkout", Operator: "operator"}, h)
	bank, holder := bankv1.NewCardServiceClient(e.operator), bankv1.NewCardServiceClient(e.nobody)
	name := e.card.GetCard().GetName()
	requireBlocked := func(byHolder, byBank bool) {
		t.Helper()
		read, err := holder.GetCard(e.ada(t.Context()), &bankv1.GetCardRequest{Name: name})
		require.NoError(t, err)
		require.Equal(t, []bool{byHolder, byBank}, []bool{read.GetCard().GetBlockedByHolder(), read.GetCard().GetBlockedByBank()})
		require.Equal(t, byHolder || byBank, read.GetCard().GetState() == bankv1.CardState_CARD_STATE_BLOCKED)
		decided, err := bankv1.NewPurchaseServiceClient(e.service).AuthorizePurchase(t.Context(), e.buy(false))
		require.NoError(t, err)
		require.Equal(t, byHolder || byBank, decided.GetPurchase().GetDecline().GetReason() == bankv1.DeclineReason_DECLINE_REASON_BLOCKED)
	}
	requireBlocked(false, false)
	_, err := holder.BlockCard(e.ada(t.Context()), &bankv1.BlockCardRequest{Name: name})
	require.NoError(t, err)
	requireBlocked(true, false)
	_, err = bank.UnblockCard(t.Context(), &bankv1.UnblockCardRequest{Name: name})
	require.NoError(t, err)
	requireBlocked(true, false)
	_, err = bank.BlockCard(t.Context(), &bankv1.BlockCardRequest{Name: name})
	require.NoError(t, err)
	requireBlocked(true, true)
	for range 2 {
		_, err = holder.UnblockCard(e.ada(t.Context()), &bankv1.UnblockCardRequest{Name: name})
		require.NoError(t, err)
		requireBlocked(false, true)
	}
	_, err = bank.UnblockCard(t.Context(), &bankv1.UnblockCardRequest{Name: name})
	require.NoError(t, err)
	requireBlocked(false, false)
}
