"""What Python's, numpy's and torch's own error messages mean, in a learner's terms."""

import re

# Pattern in "TypeError: the message" -> what it means; {0} and {1} stand for the pattern's groups. The first match
# counts.
MEANINGS: dict[str, str] = {
    # one yes or no
    r"truth value of an array|Boolean value of Tensor with more than one": (
        "`if`, `and`, `or` and 1 < x < 2 want one yes or no; x holds many. If all of them must be True, write "
        "(...).all(). To choose for each of them, use np.where or torch.where, and join conditions with (...) & (...)."
    ),
    r"bitwise_(?:and|or)|unsupported operand type\(s\) for [&|]: (?!.*NoneType).*'float'": (
        "`&` and `|` come before <, > and ==. So each comparison needs brackets, as in (a > 0) & (b < 1)."
    ),
    # powers
    r"bitwise_xor|unsupported operand type\(s\) for \^|\"bitwise_xor_cpu\"|xor": (
        "In Python, ^ is not a power: the third power of x is x**3."
    ),
    # shapes
    r"running_mean should contain (\d+) elements not (\d+)": "The BatchNorm is made for {1} maps, but gets {0}.",
    r"expected 2D or 3D input \(got 4D input\)": "nn.BatchNorm1d is for vectors. Images need nn.BatchNorm2d.",
    r"expected 4D input \(got 3D input\)": (
        "A network takes a batch, (N, C, h, w), but this is a single image, (C, h, w). Was it picked out of the batch, "
        "as in x[0]?"
    ),
    r"Number of dimensions of repeat dims can not be smaller": (
        "repeat wants one number for each axis of the tensor, as in repeat(n, 1, 1, 1)."
    ),
    r"too many indices for array: array is 1-dimensional, but 2": (
        "[a, b] is one place in an array with two axes; [a:b] is the range from a to b."
    ),
    r"boolean array indexing assignment cannot assign": (
        "More numbers are on the right than the mask lets through. Use the mask there, too: y[mask] = new[mask]."
    ),
    r"matmul: Input operand 1 has a mismatch.*\(size (\d+) is different from (\d+)\)": (
        "In a @ b, a must have as many columns as b has rows; here they are {1} and {0}. Print the shapes: is the "
        "order wrong, is a .T missing, or is there one too many?"
    ),
    r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)": (
        "The dense layer expects {2} numbers per image, but gets {1}. Which axes does flatten merge?"
    ),
    r"operands could not be broadcast together with shapes \((\d+),(\d+)\) \(\2,(\d+)\)": (
        "* multiplies number by number, and the shapes ({0},{1}) and ({1},{2}) do not fit for that. For a product of "
        "matrices, write @."
    ),
    r"operands could not be broadcast together with shapes (?=.*\((\d+),\1?\))(?=.*\(\1,(?!\1\))\d+\))": (
        "One value for each of the {0} rows must be a column, ({0}, 1), to meet every number of its row. Somewhere it "
        "has the shape ({0},): is keepdims=True or [:, None] missing?"
    ),
    r"operands could not be broadcast together with shapes (\([\d,]*\)) (\([\d,]*\))": (
        "The shapes {0} and {1} do not fit together. They are compared from the last axis on: in each pair, both "
        "numbers must be equal, or one of them must be 1."
    ),
    r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)": (
        "Two tensors have the lengths {0} and {1} along axis {2}: both must be equal, or one of them must be 1. Print "
        "both shapes."
    ),
    r"shape '(\[.*?\])' is invalid for input of size (\d+)|cannot reshape array of size (\d+) into shape": (
        "reshape keeps all numbers: the lengths of the new shape must multiply to their count. Print the old shape "
        "and count."
    ),
    r"to have (\d+) channels, but got (\d+) channels": (
        "The convolution expects {0} maps, but gets {1}, the number that the layer before it returns."
    ),
    r"number of dimensions in the tensor input does not match the length of the desired ordering": (
        "permute names each axis once, so it needs as many numbers as the tensor has axes."
    ),
    r"not enough values to unpack \(expected (\d+), got (\d+)\)|too many values to unpack \(expected (\d+)": (
        "There are more or fewer names on the left than there are values on the right. Print what is on the right."
    ),
    r"cannot unpack non-iterable": "There are several names on the left, but only one value on the right.",
    r"unsupported operand type\(s\) for \*: (?:'int' and )?'(?:Sequential|(?:Conv|BatchNorm)\w+|\w+Block)'": (
        "* does not copy a layer. Make each one by itself, as in [... for _ in range(n)]."
    ),
    r"unsupported operand type\(s\) for .*'(?:Sequential|(?:Conv|BatchNorm)\w+|\w+Block|Linear|PReLU)'"
    r"|operator supports only objects of Sequential class": (
        "A layer is used like a tensor, but only what it returns is one: call it, as in layer(x)."
    ),
    r"unsupported operand type\(s\) for .*'tuple'": (
        "A tuple is used as a number. Take it apart first, as in `for a, b in pairs`."
    ),
    r"'NoneType' object is not subscriptable": (
        "What comes before [...] is None. A function without `return` gives None, and so does a method that changes a "
        "list, such as sort()."
    ),
    r"'(\w+)' object is not subscriptable": (
        "[...] does not work on {0}: is an attribute missing before it, or must it be called with (...)?"
    ),
    r"empty\(\): argument 'size'.* not Tensor|(?:Tanh|P?ReLU|LeakyReLU|Sigmoid|PixelShuffle|Flatten)\.__init__\(\) "
    r"takes \d+ positional": (
        "First make the layer, with its sizes, as in nn.BatchNorm2d(channels) or nn.Tanh(). Then call it with the "
        "tensor."
    ),
    # whole numbers
    r"'float' object cannot be interpreted as an integer|must be tuple of (?:Sym)?[Ii]nts?,.*\bfloat"
    r"|must be (?:Sym)?[Ii]nt, not float|slice indices must be integers|indices must be integers or slices, not float"
    r"|only integer scalar arrays|only integer tensors|boolean arrays are valid indices|valid indices \(got float\)"
    r"|(?:view|reshape|repeat|permute|zeros|ones|empty|randn?)\(\) received an invalid combination.*got \([^)]*float"
    r"|arrays used as indices must be of integer": (
        "A whole number is needed here, but this is a float: / gives a float, and // gives a whole number."
    ),
    r"doesn't define __round__": "round() takes a single number. For an array, use np.round.",
    r"only 0-dimensional arrays can be converted|only length-1 arrays can be converted": (
        "int() and float() take a single number, and this array has many. x.astype(float) converts all of them."
    ),
    # indices and keys
    r"out of bounds for axis (\d+) with size 0": "Along axis {0}, nothing is left: a slice before it was too narrow.",
    r"index out of range|index -?\d+ is out of (?:bounds|range)": (
        "There is no item with that number: of n items, the first has number 0 and the last has n - 1."
    ),
    r"KeyError: .*attribute '(\w+)' already exists": (
        "There is already something called `{0}`: delete it first, or choose another name."
    ),
    r"KeyError: (.+)": "There is no key {0}. Look at the keys: print(list(...)). Capital letters matter.",
    r"'NoneType' object has no attribute 'append'": (
        "append changes the list itself, and returns None. Write items.append(...), without `items =` before it."
    ),
    r"(?:min|max)\(\) (?:arg|iterable argument) is (?:an )?empty|zero-size array to reduction|argmax of an empty": (
        "Nothing was left to choose from: the selection before it kept nothing. Is it too narrow, so that values on "
        "one side, above or below, are left out?"
    ),
    r"'(?:<|>|<=|>=)' not supported between instances of .*NoneType|unsupported operand type\(s\) for .*NoneType": (
        "One of the two values is None. If values may be missing, leave out the missing ones first. A function without "
        "`return` gives None, too."
    ),
    r"NoneType' object|'NoneType' has no|None type|float\(\) argument must be .* not 'NoneType'": (
        "A value is None here. If values may be missing, leave out the missing ones first. A function without `return` "
        "gives None, too."
    ),
    # names
    r"NameError: name '(math|cmath|random|itertools|functools|collections|copy|io|os|time|json|scipy|torch)' is not": (
        "`{0}` is not imported: write `import {0}` at the top of your cell."
    ),
    r"NameError: name '(\w+)' is not defined": (
        "There is no `{0}` here: is it misspelt, is it set somewhere else, or is self., np. or the like missing before "
        "it?"
    ),
    r"cannot access local variable '(\w+)'|local variable '(\w+)' referenced before": (
        "`{0}` is used before it is set. A name that is set anywhere in a function is local to that function."
    ),
    r"'((?:Conv|BatchNorm)\w+|Linear|PReLU)' object has no attribute '\w+_'": (
        "{0} is a layer, but this changes a tensor: hand over the layer's .weight or its .bias."
    ),
    r"'((?:Conv|BatchNorm)\w+|Linear|PReLU)' object has no attribute '(\w+)'": (
        "{0} has no `{1}`: its numbers are called weight and bias."
    ),
    r"'(?:dict|collections\.OrderedDict)' object has no attribute '(\w+)'": (
        'A dict has no `{0}`. What is stored under a key is read in square brackets, as in d["name"].'
    ),
    r"'(float|int)' object has no attribute '(\w+)'": (
        "A plain number has no `{1}`, but a tensor may have it: did .item() or float() come too early?"
    ),
    r"module '([\w.]+)' has no attribute '(\w+)'": "{0} has no `{1}`: is it misspelt? Capital letters matter.",
    r"'(Tensor|numpy\.\w+|float|int|bool|str|list|tuple|dict)' object has no attribute '(\w+)'": (
        "{0} has no `{1}`: is it misspelt, or does it belong to another type? Tensors, arrays, lists and numbers have "
        "different methods."
    ),
    r"'(\w+)' object has no attribute '(weights|params|parameter)'": (
        "{0} has no `{1}`: the weights of a network are network.parameters()."
    ),
    r"'(\w+)' object has no attribute '(\w+)'": (
        "{0} has no `{1}`: is it spelt as in the line that sets it, for example in __init__?"
    ),
    r"Module \[ModuleList\] is missing the required \"forward\" function": (
        "nn.ModuleList only holds layers: it cannot be called. Call its layers one after the other in a loop, or put "
        "them into nn.Sequential(*...)."
    ),
    r"missing the required \"forward\" function": (
        "The class has no method `forward`: is it misspelt, or indented too little or too much?"
    ),
    r"'list' object is not callable": (
        "A list cannot be called. Call what is in it, one after the other in a loop; [...] takes one item."
    ),
    r"'dict' object is not callable": 'A dict is read in square brackets, as in d["name"].',
    r"'module' object is not callable": (
        "A module cannot be called. Call one of its functions, as in copy.deepcopy(...)."
    ),
    r"'(?:builtin_function_or_method|method|function)' object is not iterable": (
        "A function stands where what it returns is needed: the brackets () that call it are missing."
    ),
    r"'(?:int|float)' object is not iterable": (
        "A single number stands where a list is needed. Loop over range(n); add one item to a list with append; add to "
        "many numbers at once in an array."
    ),
    r"object is not callable": "Something that is not a function is called with (...): is a * or a comma missing?",
    # networks
    r"(?:list|tuple) is not a Module subclass": (
        "nn.Sequential takes the layers themselves, not a list of them: put a * before the list."
    ),
    r"<genexpr> is not a Module subclass": (
        "nn.Sequential takes the layers themselves: make a list of them and put a * before it, as in *[... for ...]."
    ),
    r"is not a Module subclass": (
        "A layer is missing its brackets: nn.Sequential takes layers that are made, as in Block(channels), not classes."
    ),
    r"cannot assign module before Module.__init__\(\) call": (
        "super().__init__() is missing: it must come first in __init__."
    ),
    r"cannot assign '.*' (?:object )?to parameter|cannot assign '.*' as parameter": (
        "A parameter cannot be replaced by a number. nn.init.zeros_(parameter) changes the numbers in it."
    ),
    r"uninitialized parameter|UninitializedParameter": (
        "A Lazy layer has no weights before its first image, so they cannot be counted or loaded. State its sizes."
    ),
    r"Tensor lr must be 1-element": (
        "The optimiser's lr is the learning rate, a number, but this lr is the LR image. Write lr=rate."
    ),
    r"padding='same' is not supported": (
        "Torch cannot do this for a stride above 1. State the padding as a number: a 3x3 kernel needs padding=1."
    ),
    r"cannot pickle 'generator' object": (
        "A generator, such as network.parameters(), cannot be copied or saved. A network's state_dict() can."
    ),
    # gradients
    r"does not require grad and does not have a grad_fn|does not require grad": (
        "There is no path from the loss back to the weights: it was detached, made into a number, or computed under "
        "no_grad."
    ),
    r"Can't call numpy\(\) on Tensor that requires grad": (
        "numpy would lose the gradient. Use torch's functions, or .detach() first if no gradient is needed."
    ),
    r"leaf Variable that requires grad|view .*leaf": (
        "A tensor that needs a gradient is changed in place. Write x = x - 1 instead of x -= 1."
    ),
    r"backward through the graph a second time": (
        "The graph is gone after one backward(). Call backward once per loss, or detach what comes from elsewhere."
    ),
    r"modified by an inplace operation": (
        "A tensor that the gradient still needs was changed in place. Write a new tensor: x + y instead of x += y."
    ),
    # numpy's types
    r"Cannot cast ufunc|Cannot cast .* from dtype": (
        "-=, *= and += keep the array's type, and whole numbers cannot have fractions. Write x = x - mean."
    ),
    r"Numpy is not available|can't convert .* device type tensor to numpy": ".cpu() comes before .numpy().",
    r"\b(max|min)\(\) received an invalid combination.*got \(Tensor, (?:float|int)": (
        "torch.{0} compares two tensors, or looks along an axis. To limit a tensor by a number, use clamp."
    ),
    r"not implemented for '(?:Byte|Char|Short|Int|Long|Bool)'|floating point (?:or|and) complex": (
        "These are whole numbers, as in a uint8 photo, and this function takes only floats: convert them, as in "
        "x.float()."
    ),
    r"received an invalid combination of arguments": (
        'The function does not take what it got, in this order; what it takes is listed after "expected one of".'
    ),
    r"(?:Adam\w*|SGD|RMSprop)\.__init__\(\) got an unexpected keyword argument '(\w+)'": (
        "Torch's optimisers have no argument called `{0}`. They call the learning rate lr: write lr=rate."
    ),
    r"got an unexpected keyword argument '(\w+)'": (
        "The function has no argument called `{0}`. (numpy says axis and keepdims where torch says dim and keepdim.)"
    ),
    r"expected np.ndarray \(got|must be Tensor, not|must be Tensor, but": (
        "This function needs a different type: torch's functions take tensors, numpy's take arrays."
    ),
    r"not compiled with CUDA enabled|Found no NVIDIA driver|No CUDA GPUs are available": (
        "Torch can use no GPU here. Use the device of the input, as in x.device."
    ),
    r"same device|torch\.cuda\.": ("Your answer is judged on the CPU: use the device of the input, as in x.device."),
}


def meaning(error: str) -> str:
    """A sentence or two on "TypeError: its message", or "" for an unknown message."""
    for pattern, text in MEANINGS.items():
        if found := re.search(pattern, error):
            return text.format(*(group or "" for group in found.groups()))
    return ""
