//go:build tools

// Package kubernetes names the programs of Kubernetes that `./run kubernetes` builds, so that go.mod
// pins what they need.
package kubernetes

import (
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kubectl"
)
