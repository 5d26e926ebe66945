module codebank.dev/connectors

go 1.26.0

require (
	codebank.dev/schemas v0.0.0
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace codebank.dev/schemas => ../schemas
