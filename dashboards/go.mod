module codebank.dev/dashboards

go 1.26.0

require (
	codebank.dev/connectors v0.0.0
	codebank.dev/schemas v0.0.0
	github.com/stretchr/testify v1.12.1
)

require go.yaml.in/yaml/v3 v3.0.5 // indirect

replace codebank.dev/schemas => ../schemas

replace codebank.dev/connectors => ../connectors
