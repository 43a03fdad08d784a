namespace Gemma2.Backend.Tests.Text;

/// <summary>Chat templates in the styles that models tuned from Gemma 2 are published with, in our words. What they make was computed with Jinja 3.1.6, set up as transformers does.</summary>
internal static class PublishedTemplates
{
    public const string ChatMl = """
        {% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}
        """;

    public const string ChatMlWithDefaultSystem = """
        {%- if messages[0]['role'] == 'system' %}
            {{- '<|im_start|>system\n' + messages[0]['content'] + '<|im_end|>\n' }}
        {%- else %}
            {{- '<|im_start|>system\nBe of use.<|im_end|>\n' }}
        {%- endif %}
        {%- for message in messages %}
            {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
                {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>' + '\n' }}
            {%- elif message.role == "assistant" %}
                {{- '<|im_start|>' + message.role }}
            {%- endif %}
        {%- endfor %}
        {%- if add_generation_prompt %}
            {{- '<|im_start|>assistant\n' }}
        {%- endif %}

        """;

    public const string GemmaWithDashes = """
        {{- bos_token -}}
        {%- if messages[0]['role'] == 'system' -%}
          {{- raise_exception('System role not supported') -}}
        {%- endif -%}
        {%- for message in messages -%}
          {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
            {{- raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') -}}
          {%- endif -%}
          {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
          {{- '<start_of_turn>' + role + '\n' + message['content'] | trim + '<end_of_turn>\n' -}}
        {%- endfor -%}
        {%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}

        """;

    public const string GemmaWithSystem = """
        {{ bos_token }}
        {%- if messages[0]['role'] == 'system' -%}
            {%- if messages[0]['content'] is string -%}
                {%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}
            {%- else -%}
                {%- set first_user_prefix = messages[0]['content'][0]['text'] + '\n\n' -%}
            {%- endif -%}
            {%- set loop_messages = messages[1:] -%}
        {%- else -%}
            {%- set first_user_prefix = "" -%}
            {%- set loop_messages = messages -%}
        {%- endif -%}
        {%- for message in loop_messages -%}
            {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
                {{ raise_exception("Roles must alternate") }}
            {%- endif -%}
            {%- if (message['role'] == 'assistant') -%}
                {%- set role = "model" -%}
            {%- else -%}
                {%- set role = message['role'] -%}
            {%- endif -%}
            {{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else "") }}
            {%- if message['content'] is string -%}
                {{ message['content'] | trim }}
            {%- elif message['content'] is iterable -%}
                {%- for item in message['content'] -%}
                    {%- if item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
                {%- endfor -%}
            {%- endif -%}
            {{ '<end_of_turn>\n' }}
        {%- endfor -%}
        {%- if add_generation_prompt -%}
            {{ '<start_of_turn>model\n' }}
        {%- endif -%}

        """;

    public const string Zephyr = """
        {% for message in messages %}
        {% if message['role'] == 'user' %}
        {{ '<|user|>\n' + message['content'] + eos_token }}
        {% elif message['role'] == 'system' %}
        {{ '<|system|>\n' + message['content'] + eos_token }}
        {% elif message['role'] == 'assistant' %}
        {{ '<|assistant|>\n'  + message['content'] + eos_token }}
        {% endif %}
        {% if loop.last and add_generation_prompt %}
        {{ '<|assistant|>' }}
        {% endif %}
        {% endfor %}
        """;

    public const string Llama2 = """
        {% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles take turns') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\n' + system_message + '\n<</SYS>>\n\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}
        """;

    public const string Llama3 = """
        {% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}
        """;

    public const string Mistral = """
        {%- if messages[0]["role"] == "system" %}
            {%- set system_message = messages[0]["content"] %}
            {%- set loop_messages = messages[1:] %}
        {%- else %}
            {%- set loop_messages = messages %}
        {%- endif %}
        {%- set ns = namespace() %}
        {%- set ns.index = 0 %}
        {%- for message in loop_messages %}
            {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
                {{- raise_exception("After the first message, user and assistant take turns") }}
            {%- endif %}
            {%- set ns.index = ns.index + 1 %}
        {%- endfor %}
        {{- bos_token }}
        {%- for message in loop_messages %}
            {%- if message["role"] == "user" %}
                {%- if loop.last and system_message is defined %}
                    {{- "[INST] " + system_message + "\n\n" + message["content"] + "[/INST]" }}
                {%- else %}
                    {{- "[INST] " + message["content"] + "[/INST]" }}
                {%- endif %}
            {%- elif message["role"] == "assistant" %}
                {{- " " + message["content"]|trim + eos_token }}
            {%- else %}
                {{- raise_exception("Only user and assistant here, not " ~ message["role"]) }}
            {%- endif %}
        {%- endfor %}

        """;

    public const string Alpaca = """
        {% if messages[0]['role'] == 'system' %}{% set system_message = messages[0]['content'] | trim + '\n\n' %}{% set messages = messages[1:] %}{% else %}{% set system_message = '' %}{% endif %}
        {{ bos_token + system_message }}
        {% for message in messages %}
        {% if message['role'] == 'user' %}
        {{ '### Instruction:\n' + message['content'] | trim + '\n\n' }}
        {%- elif message['role'] == 'assistant' %}
        {{ '### Response:\n' + message['content'] | trim + eos_token + '\n\n' }}
        {%- endif %}
        {% endfor %}
        {% if add_generation_prompt %}
        {{ '### Response:\n' }}
        {% endif %}
        """;

    public const string Vicuna = """
        {{ bos_token }}{% for message in messages %}{% if message.role == 'system' %}{{ message.content ~ '\n\n' }}{% elif message.role == 'user' %}{{ 'USER: ' ~ message.content.strip() ~ '\n' }}{% else %}{{ 'ASSISTANT: ' ~ message.content.strip() ~ eos_token ~ '\n' }}{% endif %}{% endfor %}{{ 'ASSISTANT:' if add_generation_prompt }}
        """;

    public const string MacroAndGeneration = """
        {%- macro turn(role, text, end='<end_of_turn>') -%}
        <start_of_turn>{{ role }}
        {{ text | trim }}{{ end }}
        {% endmacro -%}
        {{- bos_token -}}
        {%- for message in messages if message.content is defined -%}
          {%- if message.role == 'assistant' -%}
            {%- generation -%}{{ turn('model', message.content) }}{%- endgeneration -%}
          {%- else -%}
            {{ turn(message.role, message.content) }}
          {%- endif -%}
        {%- endfor -%}
        {%- if tools -%}{{ tools | tojson }}{%- endif -%}
        {%- if add_generation_prompt is defined and add_generation_prompt %}<start_of_turn>model
        {% endif -%}
        """;

    /// <summary>All of them by name.</summary>
    public static readonly IReadOnlyDictionary<string, string> All = new Dictionary<string, string>
    {
        [nameof(ChatMl)] = ChatMl,
        [nameof(ChatMlWithDefaultSystem)] = ChatMlWithDefaultSystem,
        [nameof(GemmaWithDashes)] = GemmaWithDashes,
        [nameof(GemmaWithSystem)] = GemmaWithSystem,
        [nameof(Zephyr)] = Zephyr,
        [nameof(Llama2)] = Llama2,
        [nameof(Llama3)] = Llama3,
        [nameof(Mistral)] = Mistral,
        [nameof(Alpaca)] = Alpaca,
        [nameof(Vicuna)] = Vicuna,
        [nameof(MacroAndGeneration)] = MacroAndGeneration,
    };

    /// <summary>A template, a conversation, whether an answer is opened, and the prompt; one that begins with an exclamation mark is the template's refusal.</summary>
    public static TheoryData<string, string, bool, string> Prompts => new()
    {
        { nameof(ChatMl), "One", true, "<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMl), "One", false, "<|im_start|>user\nHi!<|im_end|>\n" },
        { nameof(ChatMl), "System", true, "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\n Hi!<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMl), "Several", true, "<|im_start|>user\nHi!\n<|im_end|>\n<|im_start|>assistant\n Hello? <|im_end|>\n<|im_start|>user\nSo?<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMl), "Several", false, "<|im_start|>user\nHi!\n<|im_end|>\n<|im_start|>assistant\n Hello? <|im_end|>\n<|im_start|>user\nSo?<|im_end|>\n" },
        { nameof(ChatMl), "Neighbours", true, "<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMlWithDefaultSystem), "One", true, "<|im_start|>system\nBe of use.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMlWithDefaultSystem), "One", false, "<|im_start|>system\nBe of use.<|im_end|>\n<|im_start|>user\nHi!<|im_end|>\n" },
        { nameof(ChatMlWithDefaultSystem), "System", true, "<|im_start|>system\nBe brief. <|im_end|>\n<|im_start|>user\n Hi!<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMlWithDefaultSystem), "Several", true, "<|im_start|>system\nBe of use.<|im_end|>\n<|im_start|>user\nHi!\n<|im_end|>\n<|im_start|>assistant\n Hello? <|im_end|>\n<|im_start|>user\nSo?<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(ChatMlWithDefaultSystem), "Several", false, "<|im_start|>system\nBe of use.<|im_end|>\n<|im_start|>user\nHi!\n<|im_end|>\n<|im_start|>assistant\n Hello? <|im_end|>\n<|im_start|>user\nSo?<|im_end|>\n" },
        { nameof(ChatMlWithDefaultSystem), "Neighbours", true, "<|im_start|>system\nBe of use.<|im_end|>\n<|im_start|>user\nA<|im_end|>\n<|im_start|>user\nB<|im_end|>\n<|im_start|>assistant\n" },
        { nameof(GemmaWithDashes), "One", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(GemmaWithDashes), "One", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n" },
        { nameof(GemmaWithDashes), "System", true, "!System role not supported" },
        { nameof(GemmaWithDashes), "Several", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(GemmaWithDashes), "Several", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n" },
        { nameof(GemmaWithDashes), "Neighbours", true, "!Conversation roles must alternate user/assistant/user/assistant/..." },
        { nameof(GemmaWithSystem), "One", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(GemmaWithSystem), "One", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n" },
        { nameof(GemmaWithSystem), "System", true, "<bos><start_of_turn>user\nBe brief. \n\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(GemmaWithSystem), "Several", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(GemmaWithSystem), "Several", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n" },
        { nameof(GemmaWithSystem), "Neighbours", true, "!Roles must alternate" },
        { nameof(Zephyr), "One", true, "<|user|>\nHi!<eos>\n<|assistant|>\n" },
        { nameof(Zephyr), "One", false, "<|user|>\nHi!<eos>\n" },
        { nameof(Zephyr), "System", true, "<|system|>\nBe brief. <eos>\n<|user|>\n Hi!<eos>\n<|assistant|>\n" },
        { nameof(Zephyr), "Several", true, "<|user|>\nHi!\n<eos>\n<|assistant|>\n Hello? <eos>\n<|user|>\nSo?<eos>\n<|assistant|>\n" },
        { nameof(Zephyr), "Several", false, "<|user|>\nHi!\n<eos>\n<|assistant|>\n Hello? <eos>\n<|user|>\nSo?<eos>\n" },
        { nameof(Zephyr), "Neighbours", true, "<|user|>\nA<eos>\n<|user|>\nB<eos>\n<|assistant|>\n" },
        { nameof(Llama2), "One", true, "<bos>[INST] Hi! [/INST]" },
        { nameof(Llama2), "One", false, "<bos>[INST] Hi! [/INST]" },
        { nameof(Llama2), "System", true, "<bos>[INST] <<SYS>>\nBe brief. \n<</SYS>>\n\n Hi! [/INST]" },
        { nameof(Llama2), "Several", true, "<bos>[INST] Hi! [/INST] Hello? <eos><bos>[INST] So? [/INST]" },
        { nameof(Llama2), "Several", false, "<bos>[INST] Hi! [/INST] Hello? <eos><bos>[INST] So? [/INST]" },
        { nameof(Llama2), "Neighbours", true, "!Roles take turns" },
        { nameof(Llama3), "One", true, "<bos><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
        { nameof(Llama3), "One", false, "<bos><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|>" },
        { nameof(Llama3), "System", true, "<bos><|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
        { nameof(Llama3), "Several", true, "<bos><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nSo?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
        { nameof(Llama3), "Several", false, "<bos><|start_header_id|>user<|end_header_id|>\n\nHi!<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\nHello?<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nSo?<|eot_id|>" },
        { nameof(Llama3), "Neighbours", true, "<bos><|start_header_id|>user<|end_header_id|>\n\nA<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nB<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n" },
        { nameof(Mistral), "One", true, "<bos>[INST] Hi![/INST]" },
        { nameof(Mistral), "One", false, "<bos>[INST] Hi![/INST]" },
        { nameof(Mistral), "System", true, "<bos>[INST] Be brief. \n\n Hi![/INST]" },
        { nameof(Mistral), "Several", true, "<bos>[INST] Hi!\n[/INST] Hello?<eos>[INST] So?[/INST]" },
        { nameof(Mistral), "Several", false, "<bos>[INST] Hi!\n[/INST] Hello?<eos>[INST] So?[/INST]" },
        { nameof(Mistral), "Neighbours", true, "!After the first message, user and assistant take turns" },
        { nameof(Alpaca), "One", true, "<bos>\n### Instruction:\nHi!\n\n### Response:\n\n" },
        { nameof(Alpaca), "One", false, "<bos>\n### Instruction:\nHi!\n\n" },
        { nameof(Alpaca), "System", true, "<bos>Be brief.\n\n\n### Instruction:\nHi!\n\n### Response:\n\n" },
        { nameof(Alpaca), "Several", true, "<bos>\n### Instruction:\nHi!\n\n### Response:\nHello?<eos>\n\n### Instruction:\nSo?\n\n### Response:\n\n" },
        { nameof(Alpaca), "Several", false, "<bos>\n### Instruction:\nHi!\n\n### Response:\nHello?<eos>\n\n### Instruction:\nSo?\n\n" },
        { nameof(Alpaca), "Neighbours", true, "<bos>\n### Instruction:\nA\n\n### Instruction:\nB\n\n### Response:\n\n" },
        { nameof(Vicuna), "One", true, "<bos>USER: Hi!\nASSISTANT:" },
        { nameof(Vicuna), "One", false, "<bos>USER: Hi!\n" },
        { nameof(Vicuna), "System", true, "<bos>Be brief. \n\nUSER: Hi!\nASSISTANT:" },
        { nameof(Vicuna), "Several", true, "<bos>USER: Hi!\nASSISTANT: Hello?<eos>\nUSER: So?\nASSISTANT:" },
        { nameof(Vicuna), "Several", false, "<bos>USER: Hi!\nASSISTANT: Hello?<eos>\nUSER: So?\n" },
        { nameof(Vicuna), "Neighbours", true, "<bos>USER: A\nUSER: B\nASSISTANT:" },
        { nameof(MacroAndGeneration), "One", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(MacroAndGeneration), "One", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n" },
        { nameof(MacroAndGeneration), "System", true, "<bos><start_of_turn>system\nBe brief.<end_of_turn>\n<start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(MacroAndGeneration), "Several", true, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n<start_of_turn>model\n" },
        { nameof(MacroAndGeneration), "Several", false, "<bos><start_of_turn>user\nHi!<end_of_turn>\n<start_of_turn>model\nHello?<end_of_turn>\n<start_of_turn>user\nSo?<end_of_turn>\n" },
        { nameof(MacroAndGeneration), "Neighbours", true, "<bos><start_of_turn>user\nA<end_of_turn>\n<start_of_turn>user\nB<end_of_turn>\n<start_of_turn>model\n" },
    };
}
