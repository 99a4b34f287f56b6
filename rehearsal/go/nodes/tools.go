//go:build tools

// Package tools names the programs of a real node, so that go.mod pins them all.
package tools

import (
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kubelet"
)
