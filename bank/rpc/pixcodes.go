package rpc

import (
	"context"
	"encoding/binary"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/brcode/picture"
	"codebank.dev/bank/pix"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	"google.golang.org/genproto/googleapis/api/httpbody"
)

const codePrefix = "codes/"

// The widths of a PNG, in pixels.
const (
	minPixels   = 128
	usualPixels = 512
)

var (
	errPixels  = fault.Invalid("pixels", "A PNG has a width of 128 to 2048 pixels; an SVG has none.")
	errPicture = fault.Invalid("format", "The picture is an SVG or a PNG.")
)

// CreatePixCode implements bankv1.PixServiceServer.
func (p *Pix) CreatePixCode(ctx context.Context, in *bankv1.CreatePixCodeRequest) (*bankv1.CreatePixCodeResponse, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	code, err := p.Codes.Create(ctx, pix.CodeRequest{
		Call: p.call(ctx, in.GetRequestId()), Account: in.GetAccount(), AmountMinor: in.GetAmountMinor(), Currency: in.GetCurrency(),
		Once: in.GetKind() == bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC, Reusable: in.GetKind() == bankv1.PixCodeKind_PIX_CODE_KIND_STATIC,
		Message: in.GetMessage(), TxID: in.GetTxid(), Key: in.GetKey(), LifetimeSeconds: in.GetLifetimeSeconds(),
	})
	if err != nil {
		return nil, err
	}
	return &bankv1.CreatePixCodeResponse{Code: p.codeMessage(&code)}, nil
}

// GetPixCode implements bankv1.PixServiceServer.
func (p *Pix) GetPixCode(ctx context.Context, in *bankv1.GetPixCodeRequest) (*bankv1.GetPixCodeResponse, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	code, err := p.Codes.Get(ctx, p.Principals.of(ctx), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.GetPixCodeResponse{Code: p.codeMessage(&code)}, nil
}

// ListPixCodes implements bankv1.PixServiceServer.
func (p *Pix) ListPixCodes(ctx context.Context, in *bankv1.ListPixCodesRequest) (*bankv1.ListPixCodesResponse, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	size, err := field.PageSize("page_size", in.GetPageSize(), pixPerPage, maxPixPerPage)
	if err != nil {
		return nil, err
	}
	before, err := p.before(in.GetPageToken(), "ListPixCodes", in.GetAccount())
	if err != nil {
		return nil, err
	}
	// One code more tells whether there is another page.
	codes, err := p.Codes.List(ctx, p.Principals.of(ctx), in.GetAccount(), before, size+1)
	if err != nil {
		return nil, err
	}
	out := &bankv1.ListPixCodesResponse{}
	for i := range codes[:min(size, len(codes))] {
		out.Codes = append(out.Codes, p.codeMessage(&codes[i]))
	}
	if len(codes) > size {
		position := binary.BigEndian.AppendUint64(nil, uint64(codes[size-1].Position))
		out.NextPageToken = p.PageTokens.Issue(position, "ListPixCodes", in.GetAccount())
	}
	return out, nil
}

// CancelPixCode implements bankv1.PixServiceServer.
func (p *Pix) CancelPixCode(ctx context.Context, in *bankv1.CancelPixCodeRequest) (*bankv1.CancelPixCodeResponse, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	code, err := p.Codes.Cancel(ctx, p.Principals.of(ctx), in.GetName())
	if err != nil {
		return nil, err
	}
	return &bankv1.CancelPixCodeResponse{Code: p.codeMessage(&code)}, nil
}

// GetPixCodePicture implements bankv1.PixServiceServer.
func (p *Pix) GetPixCodePicture(ctx context.Context, in *bankv1.GetPixCodePictureRequest) (*httpbody.HttpBody, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	isPNG, pixels := in.GetFormat() == bankv1.PixCodePictureFormat_PIX_CODE_PICTURE_FORMAT_PNG, int(in.GetPixels())
	switch {
	case in.GetFormat() > bankv1.PixCodePictureFormat_PIX_CODE_PICTURE_FORMAT_PNG || in.GetFormat() < 0:
		return nil, errPicture
	case pixels != 0 && (!isPNG || pixels < minPixels || pixels > picture.MaxPixels):
		return nil, errPixels
	case pixels == 0:
		pixels = usualPixels
	}
	code, err := p.Codes.Get(ctx, p.Principals.of(ctx), in.GetName())
	if err != nil {
		return nil, err
	}
	drawn := &httpbody.HttpBody{ContentType: "image/svg+xml"}
	if isPNG {
		drawn.ContentType = "image/png"
		drawn.Data, err = picture.PNG(code.Text, pixels)
	} else {
		drawn.Data, err = picture.SVG(code.Text)
	}
	if err != nil {
		return nil, err
	}
	return drawn, nil
}

// ParsePixCode implements bankv1.PixServiceServer.
func (p *Pix) ParsePixCode(ctx context.Context, in *bankv1.ParsePixCodeRequest) (*bankv1.ParsePixCodeResponse, error) {
	if p.Codes == nil {
		return nil, errNoHub
	}
	code, err := p.Codes.Parse(ctx, p.Principals.of(ctx), in.GetAccount(), in.GetCode())
	if err != nil {
		return nil, err
	}
	out := &bankv1.ParsePixCodeResponse{
		Kind: codeKind(code.Said.Once), KeyKind: pixKindMessage(code.To.KeyKind), HolderName: code.To.HolderName,
		HolderDocument: code.To.HolderDocument, BankCode: string(code.To.BankCode), BankName: code.To.BankName,
		AmountMinor: code.Said.AmountMinor, Currency: "BRL", Message: code.Said.Description, Txid: code.Said.TxID,
	}
	if code.Own != nil {
		out.State, out.ExpireTime = codeState(code.Own, p.Codes.Now()), timestamp(code.Own.ExpiresAt)
	}
	return out, nil
}

func codeKind(once bool) bankv1.PixCodeKind {
	if once {
		return bankv1.PixCodeKind_PIX_CODE_KIND_DYNAMIC
	}
	return bankv1.PixCodeKind_PIX_CODE_KIND_STATIC
}

func codeState(code *bank.PixCode, now time.Time) bankv1.PixCodeState {
	return bankv1.PixCodeState(bankv1.PixCodeState_value["PIX_CODE_STATE_"+string(code.StateAt(now))])
}

func (p *Pix) codeMessage(code *bank.PixCode) *bankv1.PixCode {
	message := &bankv1.PixCode{
		Name: name(codePrefix, code.ID), Account: name(accountPrefix, code.Account), Kind: codeKind(code.Once), State: codeState(code, p.Codes.Now()),
		Text: code.Text, Key: code.Key, Txid: code.TxID, AmountMinor: code.AmountMinor, Currency: "BRL", Message: code.Message,
		CreateTime: timestamp(code.CreatedAt), ExpireTime: timestamp(code.ExpiresAt), EndTime: timestamp(code.EndedAt),
	}
	if code.PaidBy != "" {
		message.Payment = pixPrefix + code.PaidBy
	}
	return message
}
