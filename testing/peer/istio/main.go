// Command peer says what Istio thinks of repositories, one after the other, without a process for each.
//
// It reads one JSON object a line, `{"resources": [...]}`, and writes one a line:
//
//	messages   what `istioctl analyze` says
//	unread     resources that cannot be read
//	refused    resources that a cluster does not take: by the definition of their kind, or by the webhook of istiod
//
// `unread` and `refused` name a resource by its place in the list. By default resources are taken as those of a cluster, so
// Services, Pods, Namespaces and Secrets are looked at, and the ConfigMaps `istio` are the mesh's configuration. With `-files`
// the answer is that of `istioctl analyze --use-kube=false -A`, which leaves them out.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"istio.io/istio/pilot/pkg/config/kube/crd"
	"istio.io/istio/pkg/config/analysis/analyzers"
	"istio.io/istio/pkg/config/analysis/diag"
	"istio.io/istio/pkg/config/analysis/local"
	"istio.io/istio/pkg/config/constants"
	definitions "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/log"
	"istio.io/istio/pkg/test/env"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

type repository struct {
	Resources []json.RawMessage `json:"resources"`
}

// Remark is about the resource of that index.
type remark struct {
	Index int    `json:"index"`
	Text  string `json:"text"`
}

type verdict struct {
	Messages []diag.Message `json:"messages"`
	Unread   []remark       `json:"unread"`
	Refused  []remark       `json:"refused"`
	Error    string         `json:"error,omitempty"`
}

// Answer lines may be long: a repository is one of them.
const lineMax = 64 << 20

func main() {
	files := flag.Bool("files", false, "judge files alone, as istioctl does without a cluster")
	flag.Parse()
	options := log.DefaultOptions()
	options.SetDefaultOutputLevel(log.OverrideScopeName, log.NoneLevel)
	if err := log.Configure(options); err != nil {
		fail(err)
	}
	cluster, err := definitions.NewValidatorFromFilesWithOptions([]string{
		filepath.Join(env.IstioSrc, "manifests/charts/base/files/crd-all.gen.yaml"),
		filepath.Join(env.IstioSrc, "tests/integration/pilot/testdata/gateway-api-crd.yaml"),
	}, definitions.WithoutCRDValidation())
	if err != nil {
		fail(err)
	}
	cluster.SkipMissing = true
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, lineMax)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		answer := judge(input.Bytes(), cluster, *files)
		if err := output.Encode(answer); err != nil {
			fail(err)
		}
	}
	if err := input.Err(); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func judge(line []byte, cluster *definitions.Validator, files bool) (answer verdict) {
	// Its analyzers may crash on what it does not expect; the next repository is asked about all the same.
	defer func() {
		if reason := recover(); reason != nil {
			answer.Error = fmt.Sprint(reason)
		}
	}()
	answer = verdict{Messages: []diag.Message{}, Unread: []remark{}, Refused: []remark{}}
	var asked repository
	if err := json.Unmarshal(line, &asked); err != nil {
		answer.Error = err.Error()
		return answer
	}
	analyzer := local.NewIstiodAnalyzer(analyzers.AllCombined(), "", constants.IstioSystemNamespace, nil)
	add := analyzer.AddTestReaderKubeSource
	if files {
		add = analyzer.AddReaderKubeSource
		if err := analyzer.AddDefaultResources(); err != nil {
			answer.Error = err.Error()
			return answer
		}
	} else {
		for index, text := range asked.Resources {
			if err := settings(analyzer, text); err != nil {
				answer.Refused = append(answer.Refused, remark{index, err.Error()})
			}
		}
	}
	for index, text := range asked.Resources {
		source := []local.ReaderSource{{Name: fmt.Sprintf("%d.yaml", index), Reader: strings.NewReader(string(text))}}
		if err := add(source); err != nil {
			answer.Unread = append(answer.Unread, remark{index, err.Error()})
		}
		if !files {
			for _, err := range admit(text, cluster) {
				answer.Refused = append(answer.Refused, remark{index, err.Error()})
			}
		}
	}
	stop := make(chan struct{})
	defer close(stop)
	result, err := analyzer.Analyze(stop)
	if err != nil {
		answer.Error = err.Error()
		return answer
	}
	answer.Messages = append(answer.Messages, result.Messages.FilterOutLowerThan(diag.Info)...)
	return answer
}

// Settings takes over the configuration of the mesh, where the resource is that.
func settings(analyzer *local.IstiodAnalyzer, text json.RawMessage) error {
	var config struct {
		Kind     string `json:"kind"`
		Metadata struct{ Name, Namespace string }
		Data     map[string]string `json:"data"`
	}
	if json.Unmarshal(text, &config) != nil || config.Kind != "ConfigMap" || config.Metadata.Name != "istio" ||
		config.Metadata.Namespace != constants.IstioSystemNamespace {
		return nil
	}
	mesh, err := apply(config.Data["mesh"], analyzer.AddFileKubeMeshConfig)
	if err != nil {
		return err
	}
	networks, err := apply(config.Data["meshNetworks"], analyzer.AddFileKubeMeshNetworks)
	return errors.Join(mesh, networks, err)
}

// Apply hands a text over as the file that the analyzer reads. The first error is what it says of the text.
func apply(text string, add func(string) error) (said, err error) {
	if text == "" {
		return nil, nil
	}
	file, err := os.CreateTemp("", "mesh-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	if _, err := file.WriteString(text); err != nil {
		return nil, err
	}
	return add(file.Name()), file.Close()
}

// Admit says why the cluster does not take a resource: each of the two may refuse it.
func admit(text json.RawMessage, cluster *definitions.Validator) (reasons []error) {
	object := &unstructured.Unstructured{}
	if err := object.UnmarshalJSON(text); err != nil {
		return []error{err}
	}
	if err := cluster.ValidateCustomResource(object); err != nil {
		reasons = append(reasons, fmt.Errorf("definition: %w", err))
	}
	var read crd.IstioKind
	if err := json.Unmarshal(text, &read); err != nil {
		return append(reasons, fmt.Errorf("webhook: %w", err))
	}
	kind := read.GroupVersionKind()
	schema, is := collections.Istio.FindByGroupKind(resource.FromKubernetesGVK(&kind))
	if !is {
		return reasons
	}
	config, err := crd.ConvertObject(schema, &read, "cluster.local")
	if err == nil {
		_, err = schema.ValidateConfig(*config)
	}
	if err != nil {
		reasons = append(reasons, fmt.Errorf("webhook: %w", err))
	}
	return reasons
}
