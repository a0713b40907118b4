const form=document.querySelector("form"),figures=[...document.querySelectorAll("figure")],told=document.querySelector("output");
const facts=figures.map(one=>JSON.parse(one.dataset.facts));
function filter(){let shown=0;const wanted=[...form.querySelectorAll("select")].filter(one=>one.value!=="");
  figures.forEach((one,number)=>{const fits=wanted.every(each=>facts[number][each.name]===each.value);one.hidden=!fits;shown+=fits});
  told.textContent=shown+" of "+figures.length}
form.onchange=filter;form.onsubmit=event=>event.preventDefault();filter();
